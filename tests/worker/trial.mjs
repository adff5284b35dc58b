// The Worker with doors to break things by, and with eyes on what it does. Only tests have it: `serve.mjs` puts it around the
// program when LOCUM_TRIAL is set.

import { DurableObject } from "cloudflare:workers";

import Locum, { ProjectObject as Project, LimitsObject } from "./index.js";

export { LimitsObject };

/** What a test has broken, and what it wants to know; one isolate has all of it. */
const trial = { files: "well", transactions: 0 };

/** R2, when it is down. Its name is what the program knows a bucket by. */
const R2Bucket = class R2Bucket {
  constructor(bucket) {
    for (const method of ["get", "put", "delete", "list", "head", "createMultipartUpload"]) {
      this[method] = (...args) => {
        if (trial.files === "broken") throw new Error("internal error; reference = somewhere inside (10001)");
        return bucket[method](...args);
      };
    }
  }
};

/** Analytics Engine keeps nothing that could be read here: its points are told on the console. */
const analytics = { writeDataPoint: (point) => console.log(`POINT ${JSON.stringify(point)}`) };

const changed = (env) => ({ ...env, FILES: new R2Bucket(env.FILES), ANALYTICS: analytics });

export class ProjectObject extends DurableObject {
  #project;

  constructor(state, env) {
    super(state, env);
    const { storage } = state;
    const transact = storage.transactionSync.bind(storage);
    Object.defineProperty(storage, "transactionSync", {
      value(work) {
        trial.transactions += 1;
        return transact(work);
      },
    });
    this.#project = new Project(state, changed(env));
  }

  async fetch(request) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/.trial/restart":
        this.ctx.abort("restarted by a test");
        return new Response();
      case "/.trial/alarms":
        await Promise.all([this.alarm(), this.alarm()]);
        return new Response("twice");
      case "/.trial/transactions":
        return new Response(String(trial.transactions));
      default:
        return this.#project.fetch(request);
    }
  }

  alarm() {
    return this.#project.alarm();
  }
}

export default {
  async fetch(request, env, context) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/.trial/files") {
      trial.files = searchParams.get("are");
      return new Response(trial.files);
    }
    if (pathname === "/.trial/cron") {
      await new Locum(context, changed(env)).scheduled({ cron: "17 * * * *", scheduledTime: Date.now() });
      return new Response("cron");
    }
    if (pathname.startsWith("/.trial/")) {
      const object = env.PROJECTS.getByName("default");
      return object.fetch(request).catch((error) => new Response(String(error), { status: 500 }));
    }
    if (pathname.startsWith("/.object/contract/")) {
      // Each question is asked of an object of its own, whose store is empty.
      return env.PROJECTS.getByName(pathname).fetch(request);
    }
    return new Locum(context, changed(env)).fetch(request);
  },
};
