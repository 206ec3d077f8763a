/* See ports.h. A socket is closed by libcurl without a word, and its number used
   again: so what was noted is only believed when it is still true. */
#include "ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int port_of(curl_socket_t fd)
{
  struct sockaddr_storage name;
  socklen_t size = sizeof name;
  if (getsockname(fd, (struct sockaddr *)(void *)&name, &size) != 0)
    return 0;
  if (name.ss_family == AF_INET)
    return ntohs(((struct sockaddr_in *)(void *)&name)->sin_port);
  if (name.ss_family == AF_INET6)
    return ntohs(((struct sockaddr_in6 *)(void *)&name)->sin6_port);
  return 0;
}

void ports_note(Ports *ports, curl_socket_t fd, bool connecting)
{
  if (fd < 0)
    return;
  if ((size_t)fd >= ports->room) {
    size_t room = 2 * (size_t)fd + 64;
    int *of = realloc(ports->of, room * sizeof *of);
    if (of == NULL)
      return;
    memset(of + ports->room, 0, (room - ports->room) * sizeof *of);
    ports->of = of;
    ports->room = room;
  }
  if (connecting || ports->of[fd] == 0)
    ports->of[fd] = port_of(fd);
}

/* -1 when it is not known. */
static int find(const Ports *ports, int local_port)
{
  size_t fd;
  if (local_port <= 0)
    return -1;
  for (fd = 0; fd < ports->room; fd++)
    if (ports->of[fd] == local_port && port_of((curl_socket_t)fd) == local_port)
      return (int)fd;
  return -1;
}

/* See driver_idle.c. */
static void hang_up(int fd)
{
  char bytes[4096];
  int left = 256;
  while (left-- > 0 && recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
    ;
  (void)shutdown(fd, SHUT_RDWR);
}

bool ports_check(const Ports *ports, int local_port)
{
  int fd = find(ports, local_port);
  char byte;
  if (fd < 0 || (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
                 (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)))
    return true;
  hang_up(fd);
  return false;
}

bool ports_hang_up(const Ports *ports, int local_port)
{
  int fd = find(ports, local_port);
  if (fd >= 0)
    hang_up(fd);
  return fd >= 0;
}

void ports_free(Ports *ports)
{
  free(ports->of);
}
