import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.ThreadContext;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/*
 * Logs the records of a file through a logging library, as its users set it up in log4j2.xml and logback.xml beside
 * this file; the system property LOG_FILE says where to:
 *
 *   java -DLOG_FILE=LOG Loggers log4j2|logback RECORDS
 */
final class Loggers {
	private static final ObjectMapper JSON = new ObjectMapper();

	private static Throwable failure(JsonNode record) {
		if (!record.get("fail").asBoolean())
			return null;
		return new IllegalStateException("failed: " + record.get("message").asText(),
				new java.io.IOException("the cause, ü"));
	}

	private static void withLog4j2(JsonNode record) {
		var log = LogManager.getLogger("shop");
		String level = record.get("level").asText();
		ThreadContext.put("n", record.get("n").asText());
		log.atLevel(Level.valueOf(level)).withThrowable(failure(record)).log("{}", record.get("message").asText());
	}

	private static void withLogback(JsonNode record) {
		var log = LoggerFactory.getLogger("shop");
		var level = org.slf4j.event.Level.valueOf(record.get("level").asText().toUpperCase());
		MDC.put("request", "r-" + record.get("n").asText());
		log.atLevel(level).setCause(failure(record))
				.addKeyValue("n", record.get("n").asInt())
				.addKeyValue("nested", JSON.convertValue(record.get("nested"), Map.class))
				.log(record.get("message").asText());
	}

	public static void main(String[] words) throws Exception {
		for (String line : Files.readAllLines(Path.of(words[1]))) {
			JsonNode record = JSON.readTree(line);
			if (words[0].equals("log4j2"))
				withLog4j2(record);
			else
				withLogback(record);
		}
	}
}
