// Reads values as types of the package `generated`, and writes what it has read.
//
// The file at its argument has `[{ "type": …, "value": … }]`. The output is an array that has, for each of them, the value
// that Java writes, or `{ "error": … }`.

import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.io.File;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;

public class Read {
    static final ObjectMapper MAPPER = new ObjectMapper();

    /** Modelina's class of a message belongs to the union of its room. This reads the class itself. */
    @JsonTypeInfo(use = JsonTypeInfo.Id.NONE)
    interface Itself {}

    public static void main(String[] arguments) throws Exception {
        ArrayNode results = MAPPER.createArrayNode();
        for (JsonNode item : MAPPER.readTree(new File(arguments[0]))) {
            String type = item.get("type").asText();
            try {
                results.add(MAPPER.readTree(through(type, item.get("value").toString())));
            } catch (Throwable failure) {
                Throwable cause = failure instanceof InvocationTargetException ? failure.getCause() : failure;
                results.add(MAPPER.createObjectNode().put("error", type + ": " + cause));
            }
        }
        System.out.println(MAPPER.writeValueAsString(results));
    }

    /** By the generated converter, if there is one. Otherwise by the class itself. */
    static String through(String type, String json) throws Exception {
        Method read = converter(type + "FromJsonString");
        if (read == null) {
            Class<?> message = Class.forName("generated." + type);
            MAPPER.addMixIn(message, Itself.class);
            return MAPPER.writeValueAsString(MAPPER.readValue(json, message));
        }
        return (String) converter(type + "ToJsonString").invoke(null, read.invoke(null, json));
    }

    static Method converter(String name) {
        try {
            for (Method method : Class.forName("generated.Converter").getMethods()) {
                if (method.getName().equals(name)) {
                    return method;
                }
            }
            throw new IllegalArgumentException("the converter has no method " + name);
        } catch (ClassNotFoundException none) {
            return null;
        }
    }
}
