package example;

import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;


/** What tests/execution/test_java.py deploys. */
public class Handlers {

    /** The interface that most functions are. */
    public static class Echo implements RequestHandler<Map<String, Object>, Map<String, Object>> {
        private static int count = 0;

        @Override
        public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
            ClientContext client = context.getClientContext();
            Map<String, Object> answer = new LinkedHashMap<>();
            answer.put("event", event);
            answer.put("count", ++count);
            answer.put("id", context.getAwsRequestId());
            answer.put("arn", context.getInvokedFunctionArn());
            answer.put("name", context.getFunctionName());
            answer.put("version", context.getFunctionVersion());
            answer.put("group", context.getLogGroupName());
            answer.put("memory", context.getMemoryLimitInMB());
            answer.put("left", context.getRemainingTimeInMillis());
            answer.put("client", client == null ? null : client.getCustom());
            answer.put("cwd", System.getProperty("user.dir"));
            answer.put("env", System.getenv());
            context.getLogger().log("by the logger\n");
            System.out.println("by System.out");
            return answer;
        }
    }

    /** When its class was initialized, and when its process began, since the host did. */
    public static class Begun implements RequestHandler<Object, Map<String, Object>> {
        private static final long LOADED = System.currentTimeMillis();

        @Override
        public Map<String, Object> handleRequest(Object event, Context context) {
            Map<String, Object> answer = new LinkedHashMap<>();
            answer.put("loaded", LOADED);
            answer.put("stat", read("/proc/self/stat"));
            answer.put("command", System.getProperty("sun.java.command"));
            answer.put("names", System.getenv().keySet().stream().sorted().toArray());
            return answer;
        }

        private static String read(String file) {
            try {
                return Files.readString(Path.of(file));
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }

    /** Bytes in, bytes out. */
    public static class Stream implements RequestStreamHandler {
        @Override
        public void handleRequest(InputStream in, OutputStream out, Context context)
                throws IOException {
            out.write('[');
            in.transferTo(out);
            out.write(']');
        }
    }

    /** A JavaBean, as event and as answer. */
    public static class Order {
        private String item;
        private int pieces;
        private List<String> notes;

        public String getItem() {
            return item;
        }

        public void setItem(String item) {
            this.item = item;
        }

        public int getPieces() {
            return pieces;
        }

        public void setPieces(int pieces) {
            this.pieces = pieces;
        }

        public List<String> getNotes() {
            return notes;
        }

        public void setNotes(List<String> notes) {
            this.notes = notes;
        }
    }

    /** Without an interface: found by its name. */
    public Order twice(Order order, Context context) {
        order.setPieces(2 * order.getPieces());
        return order;
    }

    /** The same, static and without a context. */
    public static String describe(Order order) {
        return order.getPieces() + " of " + order.getItem();
    }

    /** Fails in each way that the event asks for. */
    public static class Fail implements RequestHandler<Map<String, String>, String> {
        @Override
        public String handleRequest(Map<String, String> event, Context context) {
            switch (event.get("how")) {
                case "throw":
                    throw new IllegalArgumentException("it failed");
                case "heap":
                    return String.valueOf(new long[Integer.MAX_VALUE - 8].length);
                case "exit":
                    System.exit(3);
                default:
                    return "fine";
            }
        }
    }

    /** Its class cannot be made. */
    public static class Broken implements RequestHandler<String, String> {
        public Broken() {
            throw new IllegalStateException("not today");
        }

        @Override
        public String handleRequest(String event, Context context) {
            return event;
        }
    }

    /** What the virtual machine was started with. */
    public static Map<String, Object> machine(Map<String, Object> event) throws IOException {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("property", System.getProperty("mine", ""));
        answer.put("heap", Runtime.getRuntime().maxMemory());
        answer.put(
                "collectors",
                ManagementFactory.getGarbageCollectorMXBeans().stream()
                        .map(GarbageCollectorMXBean::getName)
                        .collect(Collectors.toList()));
        answer.put("arguments", ManagementFactory.getRuntimeMXBean().getInputArguments());
        answer.put(
                "libraries",
                List.of(new File("/tmp").list((folder, name) -> name.endsWith(".so"))));
        Path loaded = Path.of("/tmp/loaded");
        if (Files.exists(loaded)) {
            answer.put(
                    "shared",
                    Files.readAllLines(loaded).stream()
                            .anyMatch(
                                    line ->
                                            line.contains(".AWSLambda ")
                                                    && line.contains("shared objects file")));
        }
        return answer;
    }

    private static int calls;

    /** A word for hot reloading, and how often it was said. */
    public static List<Object> word(Object event) {
        return List.of("one", ++calls);
    }

    /** Logs at two levels. */
    public static String log(String event, Context context) {
        context.getLogger().log("it is " + event, LogLevel.WARN);
        context.getLogger().log("not to be seen", LogLevel.DEBUG);
        return event;
    }
}
