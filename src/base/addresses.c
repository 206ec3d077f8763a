/* See addresses.h. The lists are IANA's registries of special-purpose addresses
   (RFC 6890), as far as these say "not globally reachable", with multicast, and
   with what clouds answer on. */
#include "addresses.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct {
  uint32_t prefix;
  int bits;
  const char *what;
} ranges4[] = {
  { 0x00000000, 8, "this host" },           /* 0.0.0.0/8 */
  { 0x0a000000, 8, "private" },             /* 10.0.0.0/8 */
  { 0x64400000, 10, "shared, RFC 6598" },   /* 100.64.0.0/10 */
  { 0x7f000000, 8, "loopback" },            /* 127.0.0.0/8 */
  { 0xa83f8110, 32, "a cloud's metadata" }, /* 168.63.129.16, Azure */
  { 0xa9fe0000, 16, "link-local" },         /* 169.254.0.0/16 */
  { 0xac100000, 12, "private" },            /* 172.16.0.0/12 */
  { 0xc0000000, 24, "reserved" },           /* 192.0.0.0/24 */
  { 0xc0000200, 24, "documentation" },      /* 192.0.2.0/24 */
  { 0xc0586300, 24, "6to4" },               /* 192.88.99.0/24 */
  { 0xc0a80000, 16, "private" },            /* 192.168.0.0/16 */
  { 0xc6120000, 15, "benchmarking" },       /* 198.18.0.0/15 */
  { 0xc6336400, 24, "documentation" },      /* 198.51.100.0/24 */
  { 0xcb007100, 24, "documentation" },      /* 203.0.113.0/24 */
  { 0xe0000000, 4, "multicast" },           /* 224.0.0.0/4 */
  { 0xffffffff, 32, "broadcast" },
  { 0xf0000000, 4, "reserved" }, /* 240.0.0.0/4 */
};

static const char *objection4(const unsigned char *bytes)
{
  uint32_t address = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
                     (uint32_t)bytes[2] << 8 | bytes[3];
  size_t i;
  for (i = 0; i < sizeof ranges4 / sizeof *ranges4; i++)
    if ((address ^ ranges4[i].prefix) >> (32 - ranges4[i].bits) == 0)
      return ranges4[i].what;
  return NULL;
}

/* The first that fits decides. NULL: it is judged by the IPv4 address in its last
   four bytes. 6to4 and Teredo hold one, too, but nobody serves anything there. */
static const struct {
  unsigned char prefix[16];
  int bits;
  const char *what;
} ranges6[] = {
  { { 0 }, 128, "unspecified" },
  { { [15] = 1 }, 128, "loopback" },
  { { [10] = 0xff, 0xff }, 96, NULL },      /* ::ffff:0:0/96, mapped */
  { { 0, 0x64, 0xff, 0x9b }, 96, NULL },    /* 64:ff9b::/96, NAT64 */
  { { 0, 0x64, 0xff, 0x9b }, 32, "NAT64" }, /* 64:ff9b:1::/48, local */
  { { 0x20, 0x01 }, 32, "Teredo" },         /* 2001::/32 */
  { { 0x20, 0x01 }, 23, "reserved" },       /* 2001::/23 */
  { { 0x20, 0x01, 0x0d, 0xb8 }, 32, "documentation" },
  { { 0x20, 0x02 }, 16, "6to4" },          /* 2002::/16 */
  { { 0x3f, 0xff }, 20, "documentation" }, /* 3fff::/20 */
  { { 0xfc }, 7, "unique local" },         /* fc00::/7 */
  { { 0xfe, 0x80 }, 10, "link-local" },    /* fe80::/10 */
  { { 0xfe, 0xc0 }, 10, "site-local" },    /* fec0::/10 */
  { { 0xff }, 8, "multicast" },            /* ff00::/8 */
};

static bool starts_with(const unsigned char *bytes, const unsigned char *prefix,
                        int bits)
{
  int whole = bits / 8, rest = bits % 8;
  return memcmp(bytes, prefix, (size_t)whole) == 0 &&
         (rest == 0 || (bytes[whole] ^ prefix[whole]) >> (8 - rest) == 0);
}

static const char *objection6(const unsigned char *bytes)
{
  size_t i;
  for (i = 0; i < sizeof ranges6 / sizeof *ranges6; i++)
    if (starts_with(bytes, ranges6[i].prefix, ranges6[i].bits))
      return ranges6[i].what != NULL ? ranges6[i].what : objection4(bytes + 12);
  /* Nothing else is given out: 2000::/3. */
  return bytes[0] >> 5 == 1 ? NULL : "reserved";
}

const char *address_objection(const Address *address)
{
  switch (address->family) {
  case AF_INET: return objection4(address->bytes);
  case AF_INET6: return objection6(address->bytes);
  case AF_UNIX: return "a Unix socket";
  default: return "not known";
  }
}

void address_of(Address *address, const struct sockaddr *name)
{
  memset(address, 0, sizeof *address);
  address->family = name->sa_family;
  if (name->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const void *)name;
    memcpy(address->bytes, &in->sin_addr, 4);
  }
  else if (name->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const void *)name;
    memcpy(address->bytes, &in6->sin6_addr, 16);
  }
}

void address_parse(Address *address, const char *text)
{
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET, text, address->bytes) == 1)
    address->family = AF_INET;
  else if (inet_pton(AF_INET6, text, address->bytes) == 1)
    address->family = AF_INET6;
  else
    address->family = AF_UNIX; /* it has a path, or nothing */
}

void address_text(const Address *address, char *text, size_t size)
{
  if (address->family == AF_UNIX ||
      inet_ntop(address->family, address->bytes, text, (socklen_t)size) == NULL)
    (void)snprintf(text, size, "the address");
}
