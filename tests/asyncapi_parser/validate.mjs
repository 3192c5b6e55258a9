// node validate.mjs FOLDER FILE...: what the official parser (installed in FOLDER) has to say of each document, as JSON.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [folder, ...files] = process.argv.slice(2);
const { Parser } = createRequire(`${folder}/`)("@asyncapi/parser");
const severities = ["error", "warning", "information", "hint"];
const found = {};
for (const file of files) {
  const { diagnostics } = await new Parser().parse(await readFile(file, "utf8"));
  found[file] = diagnostics.map(({ severity, code, message, path }) => ({
    severity: severities[severity],
    code,
    message,
    path: path.join("."),
  }));
}
console.log(JSON.stringify(found));
