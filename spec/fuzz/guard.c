/* Loaded into a process that does random things, in front of the C library:
   nothing is written outside of the folder FUZZ_DIR, no device is opened, and
   nobody is connected to but the ports FUZZ_PORTS of this machine. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* ---- Files ---- */

static bool is_inside(const char *path)
{
  const char *dir = getenv("FUZZ_DIR");
  char full[PATH_MAX + PATH_MAX];
  char here[PATH_MAX];
  if (dir == NULL || strstr(path, "..") != NULL)
    return false;
  if (path[0] != '/') {
    if (getcwd(here, sizeof here) == NULL)
      return false;
    (void)snprintf(full, sizeof full, "%s/%s", here, path);
    path = full;
  }
  return strncmp(path, dir, strlen(dir)) == 0 && path[strlen(dir)] == '/';
}

/* Devices may never end. */
static bool may_read(const char *path)
{
  return strncmp(path, "/dev/", 5) != 0 || strcmp(path, "/dev/null") == 0 ||
         strcmp(path, "/dev/urandom") == 0 || strcmp(path, "/dev/random") == 0;
}

static bool may_open(const char *path, bool writes)
{
  if (writes ? is_inside(path) || strcmp(path, "/dev/null") == 0
             : may_read(path))
    return true;
  errno = EACCES;
  return false;
}

static bool open_writes(int flags)
{
  return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
}

#define OPEN(name)                                                            \
  int name(const char *path, int flags, ...)                                  \
  {                                                                           \
    va_list rest;                                                             \
    mode_t mode;                                                              \
    va_start(rest, flags);                                                    \
    mode = va_arg(rest, mode_t);                                              \
    va_end(rest);                                                             \
    return may_open(path, open_writes(flags)) ? NEXT(name)(path, flags, mode) \
                                              : -1;                           \
  }

OPEN(open)
OPEN(open64)

#define FOPEN(name)                                     \
  FILE *name(const char *path, const char *mode)        \
  {                                                     \
    return may_open(path, strpbrk(mode, "wa+") != NULL) \
               ? NEXT(name)(path, mode)                 \
               : NULL;                                  \
  }

FOPEN(fopen)
FOPEN(fopen64)

int rename(const char *from, const char *to)
{
  return may_open(from, true) && may_open(to, true) ? NEXT(rename)(from, to)
                                                    : -1;
}

int unlink(const char *path)
{
  return may_open(path, true) ? NEXT(unlink)(path) : -1;
}

int remove(const char *path)
{
  return may_open(path, true) ? NEXT(remove)(path) : -1;
}

/* ---- Network ---- */

static bool knows_port(int port)
{
  const char *ports = getenv("FUZZ_PORTS");
  char word[16];
  (void)snprintf(word, sizeof word, " %d ", port);
  return ports != NULL && strstr(ports, word) != NULL;
}

static bool may_connect(const struct sockaddr *address)
{
  if (address == NULL || address->sa_family == AF_UNSPEC)
    return true;
  if (address->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const void *)address;
    return (ntohl(in->sin_addr.s_addr) >> 24) == 127 &&
           knows_port(ntohs(in->sin_port));
  }
  if (address->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const void *)address;
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) &&
           knows_port(ntohs(in6->sin6_port));
  }
  if (address->sa_family == AF_UNIX) {
    const struct sockaddr_un *un = (const void *)address;
    return is_inside(un->sun_path);
  }
  return false;
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
  if (may_connect(address))
    return NEXT(connect)(fd, address, size);
  errno = ECONNREFUSED;
  return -1;
}

ssize_t sendto(int fd, const void *bytes, size_t count, int flags,
               const struct sockaddr *address, socklen_t size)
{
  if (may_connect(address))
    return NEXT(sendto)(fd, bytes, count, flags, address, size);
  errno = ENETUNREACH;
  return -1;
}

/* Names would ask a name server. */
int getaddrinfo(const char *name, const char *service,
                const struct addrinfo *hints, struct addrinfo **result)
{
  struct in6_addr address;
  if (name != NULL && strcmp(name, "localhost") != 0 &&
      inet_pton(AF_INET, name, &address) != 1 &&
      inet_pton(AF_INET6, name, &address) != 1)
    return EAI_NONAME;
  return NEXT(getaddrinfo)(name, service, hints, result);
}
