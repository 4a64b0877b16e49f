// Bun's own topics, which are uWebSockets'. Nothing is parsed: what a client sends, the room gets.

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env.PORT),
  fetch(request, server) {
    const room = new URL(request.url).searchParams.get("room") ?? "";
    if (!server.upgrade(request, { data: { room } })) return new Response("a WebSocket, please", { status: 426 });
  },
  websocket: {
    open: (socket) => socket.subscribe(socket.data.room),
    message: (socket, text) => server.publish(socket.data.room, text),
  },
});
