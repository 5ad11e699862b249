// What Redis does in one piece: each script changes what is stored and tells it to the nodes that it concerns.

import { messages } from './messages';
import { nodes } from './nodes';
import { seats } from './seats';

export const scripts = { ...nodes, ...seats, ...messages };

export type ScriptName = keyof typeof scripts;
