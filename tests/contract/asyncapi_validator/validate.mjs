// Prints what is wrong with AsyncAPI documents: a JSON object of a list per file. Usage: node validate.mjs FILE...
//
// The parser checks the document against the specification and its rules, but looks at neither the Avro schemas nor
// the examples of a version 3 document: Avro's JavaScript library and a JSON Schema validator do that here.
import { readFileSync } from "node:fs";
import { AvroSchemaParser } from "@asyncapi/avro-schema-parser";
import { Parser } from "@asyncapi/parser";
import Ajv from "ajv";
import avsc from "avsc";

const parser = new Parser();
parser.registerSchemaParser(AvroSchemaParser());
const known = AvroSchemaParser().getMimeTypes();
const found = {};
for (const file of process.argv.slice(2)) {
  found[file] = await findingsOf(readFileSync(file, "utf8"));
}
process.stdout.write(`${JSON.stringify(found, null, 1)}\n`);

async function findingsOf(source) {
  const stated = JSON.parse(source);
  const findings = [];
  for (const [name, message] of Object.entries(stated.components?.messages ?? {})) {
    const format = message.payload?.schemaFormat;
    if (format === undefined) continue;
    const place = `components/messages/${name}/payload`;
    if (!known.includes(format)) findings.push({ code: "schema-format", place, message: format });
    try {
      avsc.Type.forSchema(message.payload.schema);
    } catch (error) {
      findings.push({ code: "avro-schema", place, message: error.message });
    }
  }

  // The parser converts every Avro schema, and stops at the first that is none.
  if (findings.length === 0) {
    const { document, diagnostics } = await parser.parse(source);
    for (const one of diagnostics) {
      findings.push({ code: one.code, place: one.path.join("/"), message: one.message });
    }
    const ajv = new Ajv({ strict: false, validateFormats: false });
    for (const message of document?.allMessages() ?? []) {
      for (const example of message.examples()) {
        for (const [part, schema] of [["headers", message.headers()], ["payload", message.payload()]]) {
          const value = example[part]();
          if (schema === undefined || value === undefined) continue;
          const read = schema.json();
          if (!ajv.validate(withoutMarks(read.schemaFormat ? read.schema : read), value)) {
            findings.push({ code: `example-${part}`, place: message.id(), message: ajv.errorsText() });
          }
        }
      }
    }
  }
  return findings;
}

// The parser marks what it has read; a marked schema is no document of JSON Schema any more.
function withoutMarks(node) {
  if (Array.isArray(node)) return node.map(withoutMarks);
  if (node === null || typeof node !== "object") return node;
  const kept = Object.entries(node).filter(([key]) => !key.startsWith("x-"));
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutMarks(value)]));
}
