package lambent;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.api.client.AWSLambda;
import com.amazonaws.services.lambda.runtime.api.client.EventHandlerLoader;
import com.amazonaws.services.lambda.runtime.api.client.HandlerInfo;
import com.amazonaws.services.lambda.runtime.api.client.LambdaRequestHandler;
import com.amazonaws.services.lambda.runtime.api.client.runtimeapi.LambdaRuntimeApiClientImpl;
import com.amazonaws.services.lambda.runtime.api.client.runtimeapi.dto.InvocationRequest;
import com.amazonaws.services.lambda.runtime.api.client.util.LambdaOutputStream;
import com.amazonaws.services.lambda.runtime.serialization.util.ReflectUtil;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.net.Socket;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * Starts Java ahead of the invocation that needs it: has AWS's client answer handlers of our own,
 * waits until the server says that the function is to begin, and then calls the client's main.
 *
 * <p>Until then nothing of the function is read. What stays is what is loaded and compiled; it is
 * to be as if the client had been started by itself.
 */
public final class Ahead {
    private static final String CLIENT = AWSLambda.class.getPackage().getName();
    private static final String[] OTHERS = {
        ".logging.LambdaContextLogger", ".logging.StdOutLogSink", ".logging.TextLogFormatter",
        ".util.ConcurrencyConfig", ".util.UnsafeUtil", ".LambdaRequestHandler$UserFaultHandler",
    };
    private static final Class<?>[] HANDLERS = {OfObjects.class, OfMaps.class, OfEvents.class};
    private static final byte[] EVENT =
            "{\"text\": \"a\", \"number\": 1, \"list\": [1.5, null, true], \"map\": {\"b\": {}}}"
                    .getBytes(StandardCharsets.UTF_8);

    private Ahead() {}

    /** With the arguments of the client's own, which are the handler's name. */
    public static void main(String[] arguments) throws Throwable {
        // First, for it says what Java's network is to do.
        Class.forName(AWSLambda.class.getName());
        String api = System.getenv("AWS_LAMBDA_RUNTIME_API");
        int colon = api.lastIndexOf(':');
        int port = Integer.parseInt(api.substring(colon + 1));
        String request = "GET /lambent/start HTTP/1.1\r\nHost: " + api + "\r\n\r\n";
        try (Socket socket = new Socket(api.substring(0, colon), port)) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            InputStream word = socket.getInputStream();
            // The client keeps serializers for each thread: those of this one end with it.
            Thread warming = new Thread(() -> warm(api, word), "warming");
            warming.start();
            warming.join();
            await(word);
        } catch (IOException error) {
            System.exit(0);
        }
        System.setProperty(
                "sun.java.command", AWSLambda.class.getName() + " " + String.join(" ", arguments));
        AWSLambda.main(arguments);
    }

    /** Ends early where the function is to begin already. */
    private static void warm(String api, InputStream word) {
        try {
            new LambdaRuntimeApiClientImpl(api);
            for (String name : OTHERS) {
                Class.forName(CLIENT + name);
            }
            prepare();
            answer(word);
        } catch (Throwable error) {
            // By a release of the client for which this is not written it starts all the same.
        }
    }

    /** What the client does before it loads the handler: streams, a logger, a loader of classes. */
    private static void prepare() throws Exception {
        OutputStream nowhere = new LambdaOutputStream(new ByteArrayOutputStream());
        new PrintStream(nowhere, false, "UTF-8").println(CLIENT);
        ReflectUtil.setStaticField(LambdaRuntime.class, "logger", true, LambdaRuntime.getLogger());
        String runtime = System.getProperty("user.dir") + "/../runtime";
        Constructor<?> loader =
                Class.forName(CLIENT + ".CustomerClassLoader")
                        .getDeclaredConstructor(String.class, String.class, ClassLoader.class);
        loader.setAccessible(true);
        Object apart = loader.newInstance(runtime, runtime + "/none", null);
        ((URLClassLoader) apart).loadClass(Event.class.getName());
        ((URLClassLoader) apart).close();
    }

    /** Has handlers answer; after that the client looks for the function's own serializer anew. */
    private static void answer(InputStream word) throws Exception {
        Class<?> serializers = Class.forName(CLIENT + ".PojoSerializerLoader");
        Field looked = serializers.getDeclaredField("initialized");
        looked.setAccessible(true);
        InvocationRequest request = new InvocationRequest();
        request.setId("");
        request.setInvokedFunctionArn("");
        request.setContent(EVENT);
        try {
            for (Class<?> handler : HANDLERS) {
                if (word.available() > 0) return;
                HandlerInfo info = new HandlerInfo(handler, "handleRequest");
                LambdaRequestHandler loaded = EventHandlerLoader.loadEventHandler(info);
                loaded.call(request);
                loaded.call(request);
            }
        } finally {
            looked.setBoolean(null, false);
        }
    }

    /** Until the server answers 200. Where it is gone, so is this process. */
    private static void await(InputStream word) throws IOException {
        byte[] read = new byte[1024];
        String answer = "";
        while (!answer.endsWith("\r\n\r\n")) {
            int length = word.read(read);
            if (length < 0) System.exit(0);
            answer += new String(read, 0, length, StandardCharsets.US_ASCII);
        }
        if (!answer.startsWith("HTTP/1.1 200 ")) System.exit(1);
    }

    /** An event as functions declare theirs, and the handlers. */
    public static final class Event {
        public String text;
        private int number;
        public int getNumber() { return number; }
        public void setNumber(int value) { number = value; }
    }

    public static final class OfObjects implements RequestHandler<Object, Object> {
        public Object handleRequest(Object event, Context context) { return event; }
    }
    public static final class OfMaps implements RequestHandler<Map<String, Object>, String> {
        public String handleRequest(Map<String, Object> event, Context context) { return ""; }
    }
    public static final class OfEvents implements RequestHandler<Event, Event> {
        public Event handleRequest(Event event, Context context) { return event; }
    }
}
