import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.io.File;
import java.io.IOException;
import java.security.Security;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** What test_java_launcher.py starts; its static initializer leaves a file where it starts. */
public class Told implements RequestHandler<Object, Map<String, Object>> {
    static {
        try {
            new File("initialized").createNewFile();
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }

    @Override
    public Map<String, Object> handleRequest(Object event, Context context) {
        StackTraceElement[] stack = new Throwable().getStackTrace();
        Set<Thread> threads = Thread.getAllStackTraces().keySet();
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("event", event);
        told.put("environment", System.getenv());
        told.put("properties", new LinkedHashMap<>(System.getProperties()));
        told.put("thread", Thread.currentThread().getName());
        told.put("threads", threads.stream().map(Thread::getName).sorted().toArray());
        told.put("lookups", Security.getProperty("networkaddress.cache.negative.ttl"));
        told.put("called", stack[stack.length - 1].getClassName());
        return told;
    }
}
