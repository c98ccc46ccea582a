// Reads a Mapbox GL style on stdin; prints what MapLibre's own validator has against it, as JSON.
import { pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";

const spec = await import(pathToFileURL(process.argv[2]));
const style = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(spec.validateStyleMin(style).map((error) => error.message)));
