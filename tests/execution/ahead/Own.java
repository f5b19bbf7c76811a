import com.amazonaws.services.lambda.runtime.CustomPojoSerializer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;

/** A serializer of a function's own, by which every answer is the same. */
public class Own implements CustomPojoSerializer {
    @Override
    public <T> T fromJson(InputStream input, Type type) {
        return null;
    }

    @Override
    public <T> T fromJson(String input, Type type) {
        return null;
    }

    @Override
    public <T> void toJson(T value, OutputStream output, Type type) {
        try {
            output.write("\"own\"".getBytes(StandardCharsets.UTF_8));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
