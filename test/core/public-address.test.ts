import { expect, it } from 'vitest';
import { isPublicAddress, problemWithUrl } from '../../shared/core/public-address.ts';

it.each(['1.1.1.1', '52.94.236.248', '2606:4700:4700::1111', '::ffff:1.1.1.1'])('%s is of the internet', (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

it.each([
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.31.255.255',
  '192.168.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  'fd00:ec2::254',
  'fe80::1',
  '64:ff9b::a00:1',
  'example.com',
])('%s is not', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

it('a URL of the internet over TLS is taken', () => {
  expect(problemWithUrl('https://hooks.example.com:8443/runs?team=a')).toBeUndefined();
  expect(problemWithUrl('https://1.1.1.1/')).toBeUndefined();
  expect(problemWithUrl('hooks.example.com')).toBe('is not a URL');
});
