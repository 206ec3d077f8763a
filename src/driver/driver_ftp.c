/* FTP has two connections to a transfer, and libcurl forgets to wait for the
   one or the other. driver_watch.c tells of what happens to sockets; here is
   what is done about it.

   libcurl 7.87 to 8.6 watches a data connection that is not ready alone. With
   TLS the server begins its part of that handshake when it has been told what
   to send, which takes some commands; their answers on the control connection
   reach nobody, and the transfer waits until it times out (curl#12913). Events
   of the control connection are passed on here: libcurl is told to look at the
   other socket, and then looks after all of the transfer.

   libcurl 7.87 to 8.3, when the answer to EPSV is there at once, stops before
   it opens the data connection, and waits for nothing (curl#12042). Such a
   transfer goes on when somebody looks after all of them. It is known by its
   control connection, which is not waited for while nothing else is; but when
   it was reused, nobody has ever waited for it. */
#include "driver_private.h"

#include <strings.h>

#include "quirks.h"

/* An answer is one event, or a few. There has to be an end: what libcurl does
   not read now, such as the news that all was sent, comes in every turn. */
#define EVENTS 32

/* So many transfers are looked after in case one has stalled; more, not in
   every turn. */
#define FEW 100

void ftp_ask_version(UvDriver *driver)
{
  driver->ftp_forgets = quirk_ftp_forgets_control();
  driver->ftp_stalls = quirk_ftp_stalls();
}

static bool is_ftp(CURL *easy)
{
  const char *scheme = NULL;
  return curl_easy_getinfo(easy, CURLINFO_SCHEME, &scheme) == CURLE_OK &&
         scheme != NULL && strncasecmp(scheme, "ftp", 3) == 0;
}

void ftp_on_want(UvDriver *driver, CURL *easy, curl_socket_t fd)
{
  Watch *watch = watch_find(driver, fd);
  if (watch == NULL || !watch->ours)
    return;
  watch->easy = easy;
  watch->stalled = false;
  /* It is known when the first connection of a transfer stands: the second
     time, when the first was to wait for that. */
  if (watch->ftp || watch->asked >= 2)
    return;
  watch->asked++;
  watch->ftp = is_ftp(easy);
  if (watch->ftp) {
    watch->next_ftp = driver->ftp;
    driver->ftp = watch;
  }
}

/* The other connection of the same transfer, when that is waited for. */
static Watch *find_other(const Watch *watch)
{
  Watch *at = watch->driver->ftp;
  while (at != NULL && (at == watch || at->wanted == 0 || at->easy == NULL ||
                        at->easy != watch->easy || at->multi != watch->multi))
    at = at->next_ftp;
  return at;
}

void ftp_on_remove(Watch *watch)
{
  watch->events_left = EVENTS;
  if (watch->driver->ftp_stalls && find_other(watch) == NULL) {
    watch->stalled = true;
    multi_sweep_soon(watch->multi);
  }
}

void ftp_on_timeout(UvMulti *multi)
{
  UvDriver *driver = multi->driver;
  Watch *at = driver->ftp;
  if (!driver->ftp_stalls || driver->transfers == 0)
    return;
  if (driver->transfers > FEW) {
    rescue_forgotten(driver);
    return;
  }
  while (at != NULL &&
         (at->multi != multi || at->wanted != 0 || find_other(at) != NULL))
    at = at->next_ftp;
  if (at != NULL) {
    at->stalled = true;
    multi_sweep_soon(multi);
  }
}

void ftp_on_done(UvDriver *driver, const CURL *easy)
{
  Watch *at;
  for (at = driver->ftp; at != NULL; at = at->next_ftp)
    if (at->easy == easy) {
      at->easy = NULL;
      at->stalled = false;
    }
}

void ftp_on_end(Watch *watch)
{
  Watch **link = &watch->driver->ftp;
  while (*link != watch)
    link = &(*link)->next_ftp;
  *link = watch->next_ftp;
}

bool ftp_pass_on(Watch *watch)
{
  Watch *other = watch->events_left > 0 ? find_other(watch) : NULL;
  if (other == NULL)
    return false;
  watch->events_left--;
  /* No bits: libcurl asks the descriptor itself. */
  multi_action(other->multi, other->fd, 0);
  return true;
}

bool ftp_is_stalled(const UvMulti *multi)
{
  bool stalled = false;
  Watch *at;
  for (at = multi->driver->ftp; at != NULL; at = at->next_ftp)
    if (at->multi == multi && at->stalled) {
      at->stalled = false;
      stalled = true;
    }
  return stalled;
}
