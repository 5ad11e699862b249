// An Express application with a WebSocket and a page of its own, and calls inside it.
// Run it in this repository: npm install && npm run build && node examples/embedded.js

import { createServer } from 'node:http';
import express from 'express';
import { WebSocketServer } from 'ws';
import { createCallServer, loadConfig } from 'back-call';

const app = express();
const server = createServer(app);

app.get('/', (_req, res) => {
  res.send('<h1>My application</h1><p>Calls live at <a href="/api/call/config">/api/call/config</a>.</p>');
});

const chat = new WebSocketServer({ server, path: '/chat' });
chat.on('connection', (ws) => {
  ws.send('welcome');
  ws.on('message', (text) => ws.send(`you said ${text.toString()}`));
});

const calls = createCallServer({ ...loadConfig(process.env), mount: { app, server } });

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`http://localhost:${server.address().port}`);
});

process.on('SIGTERM', async () => {
  await calls.close();
  process.exit();
});
