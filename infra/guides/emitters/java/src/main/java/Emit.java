import java.io.File;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteBufferSerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Emit two events with the .avsc files, Avro and the Kafka client: Emit BOOTSTRAP_SERVERS TOPIC AVSC_FOLDER. */
public final class Emit {
  private static final SecureRandom RANDOM = new SecureRandom();

  public static void main(String[] arguments) throws Exception {
    String topic = arguments[1];
    Schema created = new Schema.Parser().parse(new File(arguments[2], "created.v1.avsc"));
    Schema delivered = new Schema.Parser().parse(new File(arguments[2], "delivered.v1.avsc"));
    // The client's default partitioner is the right one, and its producer is idempotent by default.
    Map<String, Object> settings = Map.of("bootstrap.servers", arguments[0], "acks", "all");
    try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new ByteBufferSerializer())) {
      String notificationId = uuid7();
      GenericRecord ann =
          new GenericRecordBuilder(created.getField("audience").schema().getElementType())
              .set("recipient_id", "ann")
              .set("channels", List.of("email"))
              .build();
      emit(producer, topic, event(created, notificationId).set("audience", List.of(ann)).build());
      emit(producer, topic,
          event(delivered, notificationId).set("recipient_id", "ann").set("channel", "email").build());
    }
  }

  /** Append one event and wait until every in-sync replica has it. After a failure, append the same record again. */
  static void emit(KafkaProducer<String, ByteBuffer> producer, String topic, GenericRecord event) throws Exception {
    ByteBuffer value = new BinaryMessageEncoder<GenericRecord>(GenericData.get(), event.getSchema()).encode(event);
    producer.send(new ProducerRecord<>(topic, event.get("notification_id").toString(), value)).get(30, TimeUnit.SECONDS);
  }

  /** Begin an event with the envelope; what is not set has the default of the schema. */
  static GenericRecordBuilder event(Schema schema, String notificationId) {
    return new GenericRecordBuilder(schema)
        .set("event_id", uuid7())
        .set("tenant_id", "acme")
        .set("notification_id", notificationId)
        .set("occurred_at", ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now()))
        .set("source", "shop");
  }

  /** Return a UUIDv7: milliseconds, version, variant, and random bits between. */
  static String uuid7() {
    long time = System.currentTimeMillis() << 16 | 0x7000 | RANDOM.nextInt(0x1000);
    return new UUID(time, RANDOM.nextLong() >>> 2 | 0x8000_0000_0000_0000L).toString();
  }
}
