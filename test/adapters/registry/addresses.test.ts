import { describe, expect, it } from 'vitest';
import { addressKind } from '../../../src/adapters/registry/addresses.ts';

describe('addressKind', () => {
  it.each([
    ['198.41.0.4', 'public'],
    ['11.0.0.1', 'public'],
    ['172.15.255.255', 'public'],
    ['172.32.0.0', 'public'],
    ['100.63.255.255', 'public'],
    ['2606:4700::1111', 'public'],
    ['::ffff:198.41.0.4', 'public'],
    ['127.0.0.1', 'private'],
    ['127.255.255.255', 'private'],
    ['10.0.0.0', 'private'],
    ['172.16.0.0', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.0.1', 'private'],
    ['100.64.0.1', 'private'],
    ['198.18.0.1', 'private'],
    ['203.0.113.1', 'private'],
    ['::1', 'private'],
    ['fd12::1', 'private'],
    ['::ffff:127.0.0.1', 'private'],
    ['::FFFF:7F00:0001', 'private'],
    ['0:0:0:0:0:ffff:7f00:1', 'private'],
    // Addresses that carry an IPv4 address: what they reach is not what they look like.
    ['::127.0.0.1', 'private'],
    ['64:ff9b::127.0.0.1', 'private'],
    ['64:ff9b:1::1', 'private'],
    ['2002:7f00:1::', 'private'],
    ['2001:0:7f00:1::', 'private'],
    ['2001:db8::1', 'private'],
    ['0.0.0.0', 'never'],
    ['0.1.2.3', 'never'],
    ['169.254.169.254', 'never'],
    ['224.0.0.1', 'never'],
    ['255.255.255.255', 'never'],
    ['::', 'never'],
    ['::ffff:169.254.169.254', 'never'],
    ['::ffff:0.0.0.0', 'never'],
    ['fe80::1', 'never'],
    ['fe80::1%eth0', 'never'],
    ['fd00:ec2::254', 'never'],
    ['ff02::1', 'never'],
    ['localhost', 'never'],
    ['0x7f.1', 'never'],
    ['', 'never'],
  ])('%s is %s', (address, kind) => {
    expect(addressKind(address)).toBe(kind);
  });
});
