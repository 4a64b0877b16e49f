// Bun's own topics, which uWebSockets implements. It parses nothing: the room gets every message unchanged.

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env.PORT),
  fetch(request, server) {
    const room = new URL(request.url).searchParams.get("room") ?? "";
    if (!server.upgrade(request, { data: { room } })) return new Response("expected a WebSocket upgrade", { status: 426 });
  },
  websocket: {
    open: (socket) => socket.subscribe(socket.data.room),
    message: (socket, text) => server.publish(socket.data.room, text),
  },
});
