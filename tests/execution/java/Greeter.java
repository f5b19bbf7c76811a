package example;

import greeting.Greeting;

/** Needs a library. */
public class Greeter {
    public String greet(String name) {
        return Greeting.greet(name);
    }
}
