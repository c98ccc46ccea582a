// Validates the models named on stdin (one path a line; of a b3dm the glb in it) with Khronos'
// gltf-validator from the folder given, and prints one JSON: [[path, [issue, …]], …].
const fs = require("fs");
const path = require("path");
const validator = require(path.join(process.argv[2], "gltf-validator"));

function model(file) {
  const data = fs.readFileSync(file);
  if (data.toString("latin1", 0, 4) !== "b3dm") return data;
  const tables = [12, 16, 20, 24].reduce((sum, at) => sum + data.readUInt32LE(at), 28);
  return data.subarray(tables);
}

async function main() {
  const found = [];
  for (const file of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const report = await validator.validateBytes(new Uint8Array(model(file)), { maxIssues: 0 });
    const issues = report.issues.messages.filter((issue) => issue.severity < 2);
    found.push([file, issues.map((issue) => `${issue.code} ${issue.pointer || ""}: ${issue.message}`)]);
  }
  console.log(JSON.stringify(found));
}

main().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
