// Serves the built Worker as `locum serve` serves the native program: settings from the environment, one process, log lines
// on standard output. The runtime is workerd, which is Cloudflare's own; what it stores is in DATA_DIR.
//
//     node serve.mjs FOLDER-OF-THE-BUILT-WORKER
//
// A folder without WebAssembly is another Worker, and gets nothing but the settings.

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";

const program = resolve(process.argv[2]);
const {
  PATH,
  HOME,
  LANG,
  HOST = "127.0.0.1",
  PORT = "8787",
  DATA_DIR = "data",
  LOCUM_TRIAL,
  ...bindings
} = process.env;

const modules = [{ type: "ESModule", path: join(program, "index.js") }];
const isLocum = existsSync(join(program, "index_bg.wasm"));
if (isLocum) modules.push({ type: "CompiledWasm", path: join(program, "index_bg.wasm") });
if (LOCUM_TRIAL) {
  const contents = readFileSync(join(import.meta.dirname, "trial.mjs"), "utf8");
  modules.unshift({ type: "ESModule", path: join(program, "trial.mjs"), contents });
}

const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    host: HOST,
    port: Number(PORT),
    log: new Log(LogLevel.WARN),
    modulesRoot: program,
    modules,
    compatibilityDate: "2026-11-01",
    compatibilityFlags: ["enable_request_signal", "no_nodejs_global_timers"],
    cf: false,
    bindings,
    ...(isLocum && {
      durableObjects: {
        PROJECTS: { className: "ProjectObject", useSQLite: true },
        LIMITS: { className: "LimitsObject", useSQLite: true },
      },
      r2Buckets: ["FILES"],
      analyticsEngineDatasets: { ANALYTICS: { dataset: "locum" } },
    }),
    resourcePersistencePath: resolve(DATA_DIR),
    handleStructuredLogs({ message }) {
      process.stdout.write(`${message}\n`);
    },
  }),
);
await miniflare.ready;
process.stdout.write("ready\n");

process.on("SIGTERM", () => miniflare.dispose().then(() => process.exit(0)));
