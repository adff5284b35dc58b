// A bare pass-through Worker: the least honest work. The bench holds Locum against it.
export default {
  async fetch(request, env) {
    const { headers, method, body, url } = request;
    if (headers.get("authorization") !== `Bearer ${env.API_KEY}`) return new Response(null, { status: 401 });
    const sent = new Headers(headers);
    sent.set("authorization", `Bearer ${env.OPENAI_API_KEY}`);
    return fetch(env.OPENAI_BASE_URL + new URL(url).pathname.slice("/v1".length), { method, headers: sent, body });
  },
};
