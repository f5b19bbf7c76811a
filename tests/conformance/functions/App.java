import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** In the Java of release 8, so that every release runs the same classes. */
public class App implements RequestHandler<Object, Object> {
    private static int count = 0;

    @Override
    public Object handleRequest(Object event, Context context) {
        count += 1;
        Map<?, ?> fields = event instanceof Map ? (Map<?, ?>) event : Collections.emptyMap();
        Object which = fields.get("case");
        try {
            return which == null ? event : answer((String) which, fields, context);
        } catch (IOException | InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    private static Object answer(String which, Map<?, ?> fields, Context context)
            throws IOException, InterruptedException {
        switch (which) {
            case "error":
                throw new IllegalArgumentException("on purpose");
            case "sleep":
                Thread.sleep(60_000);
                return null;
            case "exit":
                System.exit(7);
                return null;
            case "memory":
                return allMemory();
            case "env":
                return System.getenv();
            case "context":
                return describe(context);
            case "layer":
                return new String(Files.readAllBytes(Paths.get("/opt/layer.txt")));
            case "log":
                System.out.println("printed by the function");
                return null;
            case "size":
                return text(((Number) fields.get("size")).intValue());
            case "state":
                return state();
            case "tmp":
                Path kept = Paths.get("/tmp/kept");
                Files.write(
                        kept, new byte[1], StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                return Files.size(kept);
            case "read-only":
                return write(Paths.get("/var/task/new"));
            case "cwd":
                return Paths.get("").toAbsolutePath().toString();
            default:
                return null;
        }
    }

    private static Object state() {
        Map<String, Object> answer = new HashMap<>();
        answer.put("count", count);
        answer.put("pid", ManagementFactory.getRuntimeMXBean().getName()); // pid@host
        return answer;
    }

    private static String text(int size) {
        char[] letters = new char[size];
        Arrays.fill(letters, 'x');
        return new String(letters);
    }

    /** The heap alone would end in an OutOfMemoryError: so most of it, and then what is beside. */
    private static Object allMemory() {
        List<Object> held = new ArrayList<>();
        long most = Runtime.getRuntime().maxMemory() / 5 * 3;
        for (long size = 0; size < most; size += 8 << 20) {
            held.add(new byte[8 << 20]);
        }
        while (true) {
            held.add(ByteBuffer.allocateDirect(8 << 20));
        }
    }

    private static Map<String, Object> describe(Context context) {
        Map<String, Object> answer = new HashMap<>();
        answer.put("requestId", context.getAwsRequestId());
        answer.put("name", context.getFunctionName());
        answer.put("version", context.getFunctionVersion());
        answer.put("arn", context.getInvokedFunctionArn());
        answer.put("memory", context.getMemoryLimitInMB());
        answer.put("group", context.getLogGroupName());
        answer.put("stream", context.getLogStreamName());
        answer.put("left", context.getRemainingTimeInMillis());
        answer.put("client", context.getClientContext().getCustom());
        return answer;
    }

    private static int write(Path path) throws IOException {
        try {
            Files.createFile(path);
            return 0;
        } catch (AccessDeniedException error) {
            return 13;
        } catch (FileSystemException error) {
            return "Read-only file system".equals(error.getReason()) ? 30 : -1;
        }
    }
}
