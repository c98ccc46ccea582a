import { createReadStream, cpSync, existsSync, statSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const CESIUM = fileURLToPath(new URL("./node_modules/cesium/Build/Cesium", import.meta.url));
// What Cesium asks for at run time. Widgets is only styles and pictures for the few it has of its own.
const FOLDERS = ["Assets", "ThirdParty", "Workers"];
const API = "/collections /map/config.json /map/counts.json /map/search.json /map/alerts /map/readings.json /3dtiles /coords/frames.json /coords/convert.json";

/** Puts Cesium's static files under `cesium/`, in the build as in development. */
function cesiumFiles(): Plugin {
  return {
    name: "cesium-files",
    configureServer(server) {
      server.middlewares.use("/map/cesium", (request, response, next) => {
        const path = normalize((request.url ?? "/").split("?")[0] ?? "/");
        const file = join(CESIUM, path);
        if (path.includes("..") || !existsSync(file) || !statSync(file).isFile()) return next();
        if (extname(file) === ".js") response.setHeader("Content-Type", "text/javascript");
        if (extname(file) === ".json") response.setHeader("Content-Type", "application/json");
        if (extname(file) === ".wasm") response.setHeader("Content-Type", "application/wasm");
        createReadStream(file).pipe(response);
      });
    },
    writeBundle(options) {
      for (const folder of FOLDERS) {
        cpSync(join(CESIUM, folder), join(options.dir ?? "dist", "cesium", folder), { recursive: true });
      }
    },
  };
}

export default defineConfig({
  base: "/map/",
  define: { CESIUM_BASE_URL: JSON.stringify("/map/cesium/") },
  plugins: [cesiumFiles()],
  build: {
    target: "es2022",
    outDir: "dist",
    rolldownOptions: {
      input: ["index.html", "coords.html"],
      // what both pages draw with, under its own name
      output: { codeSplitting: { groups: [{ name: "maplibre", test: /node_modules[\\/]maplibre-gl[\\/]dist[\\/]maplibre-gl\.mjs$/ }] } },
    },
    chunkSizeWarningLimit: 5000,  // Cesium: loaded only when 3D is opened
  },
  server: {
    proxy: Object.fromEntries(
      API.split(" ").map((path) => [path, process.env["GIS_URL"] ?? "http://127.0.0.1:8080"]),
    ),
  },
});
