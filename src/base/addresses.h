/* Which addresses are public: those that the internet's routers know, as IANA's
   registries of special-purpose addresses have it. No Lua here. */
#pragma once

#include <stddef.h>
#include <sys/socket.h>

typedef struct Address {
  int family; /* AF_INET, AF_INET6, AF_UNIX; 0: none */
  unsigned char bytes[16];
} Address;

/* Without port and zone. */
void address_of(Address *address, const struct sockaddr *name);

/* "127.0.0.1", "::1"; what is neither becomes one that is not public. */
void address_parse(Address *address, const char *text);

/* NULL when it is public, else why not: "loopback". */
const char *address_objection(const Address *address);

/* As text, of INET6_ADDRSTRLEN bytes at most. */
void address_text(const Address *address, char *text, size_t size);
