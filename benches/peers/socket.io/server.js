// Socket.IO in the style of its documentation, over WebSocket only.

const { Server } = require("socket.io");

const io = new Server({ transports: ["websocket"], serveClient: false });

io.on("connection", (socket) => {
  const { room } = socket.handshake.query;
  socket.join(room);
  socket.on("message", (message) => io.to(room).emit("message", message));
});

io.listen(Number(process.env.PORT));
