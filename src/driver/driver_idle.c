/* Which transfers use a connection, and the end of connections that nobody
   uses: where nothing was asked, an HTTP/1 server has nothing to say (RFC 9112
   9.2), and what slept through is not to be trusted.

   libcurl does not tell which socket a transfer has got. Its function before
   each request tells the local port, by which the watch is found here. That a
   socket is not wanted proves nothing: its transfer may be paused. */
#define _GNU_SOURCE /* POLLRDHUP */
#include "driver_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "quirks.h"

/* The clock that goes on during sleep may be ahead by this much, in ms, before
   the system is said to have slept. */
#define SLEPT_MS 1000

/* A look at all sockets so long ago, in ns, is as good as one at one of them: it
   saves a system call for each request. The turn that follows such a look serves up
   to 64 of them, which takes 2 ms. */
#define JUST_NOW_NS 4000000

/* ---- Watches, by local port ---- */

/* Of one that is not bound yet 0, of one without ports -1. */
static int port_of(const struct sockaddr_storage *name)
{
  if (name->ss_family == AF_INET)
    return ntohs(((const struct sockaddr_in *)(const void *)name)->sin_port);
  if (name->ss_family == AF_INET6)
    return ntohs(((const struct sockaddr_in6 *)(const void *)name)->sin6_port);
  return -1;
}

/* Where the watches of a port are linked; NULL without memory, or where there is
   none and none is made. */
static Watch **place_of(UvDriver *driver, int port, bool make)
{
  Watch ***page;
  if (port <= 0 || port >= PORTS)
    return NULL;
  page = &driver->ports[port / PORTS_OF_PAGE];
  if (*page == NULL && make)
    *page = calloc(PORTS_OF_PAGE, sizeof **page);
  return *page != NULL ? *page + port % PORTS_OF_PAGE : NULL;
}

void watch_name(Watch *watch)
{
  struct sockaddr_storage name;
  socklen_t size = sizeof name;
  Watch **place;
  if (getsockname(watch->fd, (struct sockaddr *)(void *)&name, &size) != 0)
    return;
  watch->local_port = port_of(&name);
  place = place_of(watch->driver, watch->local_port, true);
  if (place == NULL)
    return;
  watch->next_of_port = *place;
  *place = watch;
}

static void unname(Watch *watch)
{
  Watch **link = place_of(watch->driver, watch->local_port, false);
  while (link != NULL && *link != NULL && *link != watch)
    link = &(*link)->next_of_port;
  if (link != NULL && *link != NULL)
    *link = watch->next_of_port;
}

/* Local ports are unique for one peer only. */
static bool is_to(const Watch *watch, const char *peer, int peer_port)
{
  struct sockaddr_storage name;
  struct in6_addr address;
  socklen_t size = sizeof name;
  if (getpeername(watch->fd, (struct sockaddr *)(void *)&name, &size) != 0 ||
      port_of(&name) != peer_port ||
      inet_pton(name.ss_family, peer, &address) != 1)
    return false;
  return name.ss_family == AF_INET
             ? memcmp(&((struct sockaddr_in *)(void *)&name)->sin_addr,
                      &address, sizeof(struct in_addr)) == 0
             : memcmp(&((struct sockaddr_in6 *)(void *)&name)->sin6_addr,
                      &address, sizeof address) == 0;
}

static Watch *find_by_port(UvDriver *driver, const UvPlace *place)
{
  Watch **found = place_of(driver, place->local_port, false);
  Watch *watch = found != NULL ? *found : NULL;
  if (watch == NULL || watch->next_of_port == NULL)
    return watch;
  while (watch != NULL && !is_to(watch, place->peer, place->peer_port))
    watch = watch->next_of_port;
  return watch;
}

/* ---- Ending an idle connection ---- */

static bool is_idle(const Watch *watch)
{
  return watch->wanted == 0 && watch->uses == NULL && watch->served;
}

/* libcurl owns the socket, and closes what it finds at its end: so what was
   said has to be taken off it. More than this comes from nobody who means well,
   and resets the connection. */
static void hang_up(Watch *watch)
{
  char bytes[16 * 1024];
  int left = 64;
  while (left-- > 0 && recv(watch->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
    ;
  (void)shutdown(watch->fd, SHUT_RDWR); /* fails when it is down already */
  watch->hung_up = true;
  if (watch->polling && watch->armed != 0)
    (void)uv_poll_stop(&watch->poll); /* cannot fail on a live one */
  watch->armed = 0;
}

bool idle_ends(Watch *watch)
{
  if (!watch->http1 || !is_idle(watch))
    return false;
  hang_up(watch);
  return true;
}

void uvdriver_drop_idle(UvDriver *driver)
{
  size_t fd;
  for (fd = 0; fd < driver->capacity; fd++) {
    Watch *watch = driver->watches[fd];
    if (watch != NULL && is_idle(watch) && !watch->hung_up)
      hang_up(watch);
  }
}

/* ---- Uses ---- */

static void use_leave(UvUse *use)
{
  if (use->previous != NULL)
    use->previous->next = use->next;
  else
    use->watch->uses = use->next;
  if (use->next != NULL)
    use->next->previous = use->previous;
  use->watch = NULL;
  use->previous = use->next = NULL;
}

static void use_join(UvUse *use, Watch *watch)
{
  use->watch = watch;
  use->previous = NULL;
  use->next = watch->uses;
  if (watch->uses != NULL)
    watch->uses->previous = use;
  watch->uses = use;
}

/* Whether the other end has spoken, or gone. Where the loop has just looked at the
   socket, for the sake of others, it would have been told: what came later than
   that could as well come after the request. But a body that follows an answer
   without one is about to come. */
static bool has_news(const Watch *watch)
{
  char byte;
  if (watch->armed == UV_READABLE && !watch->bodiless &&
      uv_hrtime() - watch->driver->looked < JUST_NOW_NS)
    return false;
  return recv(watch->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
         (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* Whether the other end has closed, whatever it said before: an HTTP/2 server may
   speak at any time, and libcurl hears that by itself. */
static bool has_closed(const Watch *watch)
{
#ifdef POLLRDHUP
  struct pollfd fd = { watch->fd, POLLRDHUP, 0 };
  return poll(&fd, 1, 0) > 0 &&
         (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
#else
  char byte;
  return recv(watch->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
#endif
}

/* Whether an idle connection is not to be trusted. */
static bool is_unfit(const Watch *watch, const UvPlace *place)
{
  if (!watch->served || watch->uses != NULL || watch->hung_up)
    return false;
  if (time(NULL) - watch->idle_since > place->max_idle)
    return true;
  return watch->http1 ? watch->driver->reuses_talking && has_news(watch)
                      : quirk_h2_end_unheard() && has_closed(watch);
}

bool uvdriver_use(UvDriver *driver, UvUse *use, const UvPlace *place)
{
  Watch *watch = find_by_port(driver, place);
  bool again = watch != NULL && use->watch == watch;
  if (use->watch != NULL)
    use_leave(use);
  /* The second request of a transfer on a new connection: what kind it is will
     be known at the end. */
  use->known = watch != NULL && (watch->served || !again);
  if (watch == NULL)
    return true;
  use->kept = watch->served || watch->uses != NULL;
  use->http1 = watch->http1;
  watch->has_read = true; /* the connection stands */
  if (again)
    watch->idle_since = time(NULL);
  if (is_unfit(watch, place))
    hang_up(watch);
  use_join(use, watch);
  return !watch->hung_up;
}

bool uvdriver_hang_up(UvUse *use)
{
  if (use->watch == NULL)
    return false;
  hang_up(use->watch);
  return true;
}

void uvdriver_unuse(UvUse *use, bool http1, bool bodiless)
{
  Watch *watch = use->watch;
  if (watch == NULL)
    return;
  use_leave(use);
  watch->served = true;
  watch->http1 = http1;
  watch->bodiless = bodiless;
  watch->idle_since = time(NULL);
  if (http1 && watch->wanted == 0 && watch->polling && !watch->hung_up)
    watch_listen(watch);
}

void idle_on_end(Watch *watch)
{
  unname(watch);
  while (watch->uses != NULL)
    use_leave(watch->uses);
}

/* ---- Sleep ---- */

/* How far the clock that goes on during sleep is ahead of the other, in ms. */
static int64_t slept_ms(void)
{
#ifdef CLOCK_BOOTTIME
  struct timespec boot;
  if (clock_gettime(CLOCK_BOOTTIME, &boot) == 0)
    return (int64_t)boot.tv_sec * 1000 + boot.tv_nsec / 1000000 -
           (int64_t)now_ms();
#endif
  return 0;
}

void idle_check_sleep(UvDriver *driver)
{
  int64_t slept = slept_ms();
  if (slept - driver->slept > SLEPT_MS)
    uvdriver_drop_idle(driver);
  driver->slept = slept;
}

void idle_open(UvDriver *driver)
{
  driver->reuses_talking = quirk_reuses_talking();
  driver->slept = slept_ms();
}

void idle_close(UvDriver *driver)
{
  size_t page;
  for (page = 0; page < PORTS / PORTS_OF_PAGE; page++)
    free(driver->ports[page]);
}
