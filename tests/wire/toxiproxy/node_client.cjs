// What toxiproxy-node-client does with a server, in the words of its own API: node node_client.cjs PACKAGE URL
// Prints each claim as it is kept; the first that is not ends it with an error.
"use strict";
const assert = require("node:assert/strict");
const [folder, url] = process.argv.slice(2);
const { Toxiproxy, ToxiproxyError } = load(require(folder));

function load(client) {
  const Toxiproxy = client.Toxiproxy ?? client.default?.Toxiproxy ?? client.default;
  return { Toxiproxy, ToxiproxyError: client.ToxiproxyError };
}

const server = new Toxiproxy(url);
const upstream = "127.0.0.1:1";
const least = (name) => ({ name, listen: "127.0.0.1:0", upstream });
const refused = (call) => assert.rejects(call, ToxiproxyError ?? Error);

const CLAIMS = {
  "the version": async () => {
    assert.ok((await server.getVersion()).includes("version"));
  },
  "a proxy's life": async () => {
    const made = await server.createProxy(least("life"));
    assert.deepEqual([made.name, made.upstream, made.enabled], ["life", upstream, true]);
    const found = await server.get("life");
    assert.equal(found.listen, made.listen);
    await refused(server.createProxy(least("life")));
    await found.remove();
    await refused(server.get("life"));
    await refused(found.remove());
  },
  "an update": async () => {
    const made = await server.createProxy(least("update"));
    const off = await made.update({ enabled: false, listen: made.listen, upstream });
    assert.equal(off.enabled, false);
    assert.equal((await server.get("update")).enabled, false);
    await off.update({ enabled: true, listen: made.listen, upstream: "127.0.0.1:2" });
    assert.equal((await server.get("update")).upstream, "127.0.0.1:2");
  },
  "populate, and all of them": async () => {
    const made = await server.populate([least("first"), least("second")]);
    assert.deepEqual(Object.keys(made).sort(), ["first", "second"]);
    const all = await server.getAll();
    assert.ok("first" in all && "second" in all);
    assert.equal(all.first.listen, made.first.listen);
  },
  "a reset": async () => {
    const made = await server.createProxy({ ...least("reset"), enabled: false });
    await made.addToxic({ name: "slow", type: "latency", attributes: { latency: 5, jitter: 0 } });
    await server.reset();
    assert.equal((await server.get("reset")).enabled, true);
    await refused(made.getToxic("slow"));
  },
  "a toxic's life": async () => {
    const proxy = await server.createProxy(least("toxic"));
    const body = { name: "one", type: "latency", stream: "downstream", toxicity: 1 };
    const made = await proxy.addToxic({ ...body, attributes: { latency: 5, jitter: 1 } });
    assert.deepEqual(made.toJson(), { ...body, attributes: { latency: 5, jitter: 1 } });
    const other = await made.update({ ...made.toJson(), attributes: { latency: 9, jitter: 1 } });
    assert.equal(other.attributes.latency, 9);
    assert.equal((await proxy.getToxic("one")).attributes.latency, 9);
    await refused(proxy.addToxic({ ...body, attributes: {} }));
    await refused(proxy.addToxic({ ...body, name: "two", type: "no_such", attributes: {} }));
    await made.remove();
    await refused(proxy.getToxic("one"));
  },
};

const TOXICS = {
  latency: { latency: 1000, jitter: 100 },
  bandwidth: { rate: 1000 },
  slow_close: { delay: 1000 },
  timeout: { timeout: 1000 },
  reset_peer: { timeout: 1000 },
  slicer: { average_size: 100, size_variation: 10, delay: 5 },
  limit_data: { bytes: 1000 },
};
for (const [type, attributes] of Object.entries(TOXICS)) {
  for (const stream of ["upstream", "downstream"]) {
    CLAIMS[`${type} ${stream}`] = async () => {
      const proxy = await server.createProxy(least(`${type}-${stream}`));
      const made = await proxy.addToxic({ type, stream, toxicity: 0.5, attributes });
      const expected = { name: `${type}_${stream}`, type, stream, toxicity: 0.5, attributes };
      assert.deepEqual(made.toJson(), expected);
    };
  }
}

(async () => {
  for (const [claim, keeps] of Object.entries(CLAIMS)) {
    await keeps();
    console.log(claim);
  }
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
