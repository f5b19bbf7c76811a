package greeting;

/** Of a library: in a jar of the package or of a layer. */
public class Greeting {
    public static String greet(String name) {
        return "hello " + name;
    }
}
