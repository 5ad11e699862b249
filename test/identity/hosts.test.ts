import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ownHosts, reachableAddresses } from '../../src/identity/hosts';

const at = (address: string, internal = false) =>
  ({ address, family: address.includes(':') ? 'IPv6' : 'IPv4', internal }) as NetworkInterfaceInfo;

describe('the names and addresses of this machine', () => {
  it('are all of them, first those by which a phone on the table finds it', () => {
    const interfaces = {
      lo: [at('127.0.0.1', true), at('::1', true)],
      docker0: [at('172.17.0.1')],
      wan0: [at('203.0.113.7')],
      wlan0: [at('fd00::5'), at('192.168.1.5'), at('fe80::5')],
    };
    const hosts = ownHosts(interfaces, 'Desk-7.fritz.box');
    expect(hosts.names).toEqual(['desk-7.local', 'desk-7.fritz.box', 'desk-7', 'localhost']);
    expect(hosts.addresses[0]).toBe('192.168.1.5');
    expect([...hosts.addresses].sort()).toEqual(
      ['127.0.0.1', '172.17.0.1', '192.168.1.5', '203.0.113.7', '::1', 'fd00::5', 'fe80::5'].sort(),
    );
    expect(reachableAddresses(hosts)).toEqual(['192.168.1.5', '203.0.113.7', 'fd00::5', '172.17.0.1']);
  });

  it('are few without a network, and without a name that could be one in the DNS', () => {
    const hosts = ownHosts({ lo: [at('127.0.0.1', true)] }, 'Ada’s Mac');
    expect(hosts).toEqual({ names: ['localhost'], addresses: ['127.0.0.1'] });
    expect(reachableAddresses(hosts)).toEqual(['127.0.0.1']);
    expect(ownHosts({ down: undefined }, 'studio.local').names).toEqual(['studio.local', 'studio', 'localhost']);
  });
});
