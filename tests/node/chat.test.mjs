// The official Node SDK against the built program: chat, streams, tools, for both providers.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";

import { dialects, startWorld, waitUntil } from "./harness.mjs";

const HELLO = [{ role: "user", content: "Hello" }];
const QUESTION = [{ role: "user", content: "The weather in Paris and Oslo?" }];
const PARIS = ["weather", { city: "Paris" }];
const OSLO = ["weather", { city: "Oslo" }];
const WEATHER = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

let world;
let client;
before(async () => {
  world = await startWorld();
  client = world.client();
});
after(() => world.stop());
beforeEach(() => world.clear());

for (const [name, dialect] of Object.entries(dialects)) {
  describe(name, () => {
    const upstream = () => world[name];
    const { model } = dialect;

    test("an answer, its usage and who gave it", async () => {
      await upstream().script(dialect.text("Good day."));
      const { data, response, request_id } = await client.chat.completions
        .create({ model, messages: HELLO })
        .withResponse();
      assert.equal(data.object, "chat.completion");
      assert.equal(data.choices[0].message.content, "Good day.");
      assert.equal(data.choices[0].finish_reason, "stop");
      assert.equal(data.usage.total_tokens, 18);
      assert.equal(response.headers.get("x-locum-provider"), name);
      assert.equal(request_id, response.headers.get("x-request-id"));
      assert.ok(request_id);
    });

    test("a stream", async () => {
      await upstream().script(dialect.textStream("Good ", "day", "."));
      const chunks = [];
      for await (const chunk of await client.chat.completions.create({ model, messages: HELLO, stream: true })) {
        chunks.push(chunk);
      }
      const choices = chunks.flatMap((chunk) => chunk.choices);
      assert.equal(choices.map((choice) => choice.delta.content ?? "").join(""), "Good day.");
      assert.equal(choices.at(-1).finish_reason, "stop");
      assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
    });

    test("the stream helper", async () => {
      await upstream().script(dialect.textStream("Good ", "day", "."));
      const stream = client.chat.completions.stream({ model, messages: HELLO });
      const pieces = [];
      stream.on("content", (delta) => pieces.push(delta));
      const answer = await stream.finalChatCompletion();
      assert.deepEqual(pieces, ["Good ", "day", "."]);
      assert.equal(answer.choices[0].message.content, "Good day.");
    });

    test("parallel calls in a stream", async () => {
      await upstream().script(dialect.callsStream(PARIS, OSLO));
      const stream = client.chat.completions.stream({ model, messages: QUESTION, tools: [WEATHER] });
      const { finish_reason, message } = (await stream.finalChatCompletion()).choices[0];
      assert.equal(finish_reason, "tool_calls");
      const cities = message.tool_calls.map((call) => JSON.parse(call.function.arguments).city);
      assert.deepEqual(cities, ["Paris", "Oslo"]);
      assert.notEqual(message.tool_calls[0].id, message.tool_calls[1].id);
    });

    for (const stream of [false, true]) {
      test(`runTools goes the whole way${stream ? ", streamed" : ""}`, async () => {
        await upstream().script(
          ...(stream
            ? [dialect.callsStream(PARIS, OSLO), dialect.textStream("Rain, ", "and snow.")]
            : [dialect.calls(PARIS, OSLO), dialect.text("Rain, and snow.")]),
        );
        const asked = [];
        const weather = ({ city }) => {
          asked.push(city);
          return city === "Paris" ? "rain" : "snow";
        };
        const runner = client.chat.completions.runTools({
          model,
          messages: QUESTION,
          stream,
          tools: [{ ...WEATHER, function: { ...WEATHER.function, function: weather, parse: JSON.parse } }],
        });
        assert.equal(await runner.finalContent(), "Rain, and snow.");
        assert.deepEqual(asked, ["Paris", "Oslo"]);
        assert.equal((await upstream().requests()).length, 2);
      });
    }

    test("a stream that breaks raises", async () => {
      // OpenAI's first chunk holds the role alone.
      await upstream().script({ fault: "cut", after: name === "openai" ? 3 : 2 });
      const stream = await client.chat.completions.create({ model, messages: HELLO, stream: true });
      let seen = 0;
      await assert.rejects(
        async () => {
          for await (const _chunk of stream) seen += 1;
        },
        (error) => error instanceof client.constructor.APIError && error.type === "server_error",
      );
      assert.ok(seen > 0);
    });

    test("a client that hangs up cancels the upstream", async () => {
      await upstream().script({ fault: "endless" });
      const stream = await client.chat.completions.create({ model, messages: HELLO, stream: true });
      let seen = 0;
      for await (const _chunk of stream) if (++seen === 20) break;
      await waitUntil(async () => (await upstream().requests())[0].cancelled, "the upstream request's cancellation");
    });
  });
}

test("signatures come back through the SDK's own messages", async () => {
  await world.gemini.script(dialects.gemini.calls(PARIS), dialects.gemini.text("Rain."));
  const { model } = dialects.gemini;
  const asked = { model, tools: [WEATHER] };
  const { message } = (await client.chat.completions.create({ ...asked, messages: QUESTION })).choices[0];
  const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "rain" };
  await client.chat.completions.create({ ...asked, messages: [...QUESTION, message, result] });
  const [, { body }] = await world.gemini.requests();
  assert.equal(body.contents[1].parts[0].thoughtSignature, "c2lnbmF0dXJl");
  assert.equal(body.contents[2].parts[0].functionResponse.name, "weather");
});
