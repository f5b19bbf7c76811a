import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

public class Probe implements RequestStreamHandler {
    public void handleRequest(InputStream event, OutputStream answer, Context context) throws IOException {
        Process probe = new ProcessBuilder("/usr/bin/python3", "-IS", "/var/task/probe.py")
            .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        copy(event, probe.getOutputStream());
        probe.getOutputStream().close();
        copy(probe.getInputStream(), answer);
    }

    private static void copy(InputStream from, OutputStream to) throws IOException {
        byte[] part = new byte[65536];
        for (int count = from.read(part); count >= 0; count = from.read(part)) {
            to.write(part, 0, count);
        }
    }
}
