// Socket.IO in the style of its documentation, over WebSocket only. With `REDIS_URL`, it shares its rooms with other servers
// through Redis: with the adapter on streams if `ADAPTER` is `streams`, else with the one on pub/sub. The first can replay
// what a client missed; that needs connection state recovery.

const { Server } = require("socket.io");

async function adapter() {
  const url = process.env.REDIS_URL;
  if (!url) return {};
  const client = require("redis").createClient({ url });
  await client.connect();
  if (process.env.ADAPTER === "streams") {
    const { createAdapter } = require("@socket.io/redis-streams-adapter");
    return { adapter: createAdapter(client), connectionStateRecovery: {} };
  }
  const { createAdapter } = require("@socket.io/redis-adapter");
  const subscriber = client.duplicate();
  await subscriber.connect();
  return { adapter: createAdapter(client, subscriber) };
}

adapter().then((shared) => {
  const io = new Server({ transports: ["websocket"], serveClient: false, ...shared });

  io.on("connection", (socket) => {
    const { room } = socket.handshake.query;
    socket.join(room);
    socket.on("message", (message) => io.to(room).emit("message", message));
  });

  io.listen(Number(process.env.PORT));
});
