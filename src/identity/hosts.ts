// Under which names and addresses this machine is reached.

import { hostname, networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import ipaddr from 'ipaddr.js';

export interface Hosts {
  /** The name in local networks first, as `studio.local`. */
  names: string[];
  /** Of all interfaces, the loopback among them; first those at which others most likely find us. */
  addresses: string[];
}

type Interfaces = Record<string, NetworkInterfaceInfo[] | undefined>;

/** What a name in the DNS may be made of; systems let one call a machine anything. */
const NAME = /^(?!-)[a-z\d-]{1,63}(\.[a-z\d-]{1,63})*$/;

/** Bridges of containers and virtual machines, and tunnels: addresses, but none for the phone on the table. */
const VIRTUAL = /^(docker|br-|veth|virbr|vmnet|vboxnet|vEthernet|bridge|utun|tun|tap|wg|tailscale|zt|cni|podman)/i;

export function ownHosts(interfaces: Interfaces = networkInterfaces(), host: string = hostname()): Hosts {
  const name = host.toLowerCase();
  const [short = ''] = name.split('.', 1);
  const names = [`${short}.local`, name, short, 'localhost'].filter((each) => NAME.test(each));
  const addresses = Object.entries(interfaces)
    .flatMap(([device, infos = []]) => infos.map((info) => ({ address: info.address, rank: rankOf(device, info) })))
    .sort((one, other) => one.rank - other.rank);
  return { names: [...new Set(names)], addresses: [...new Set(addresses.map(({ address }) => address))] };
}

/** The addresses that others on the network can type; the loopback alone when there is no network. */
export function reachableAddresses({ addresses }: Hosts): string[] {
  const reachable = addresses.filter((address) => !['loopback', 'linkLocal'].includes(ipaddr.parse(address).range()));
  return reachable.length > 0 ? reachable : ['127.0.0.1'];
}

function rankOf(device: string, { address, family, internal }: NetworkInterfaceInfo): number {
  const isPrivate = ['private', 'uniqueLocal'].includes(ipaddr.parse(address).range());
  // Each counts more than all that follow it.
  const flaws = [internal, VIRTUAL.test(device), family === 'IPv6', !isPrivate];
  return Number.parseInt(flaws.map(Number).join(''), 2);
}
