/* See keepalive.h. After 30 s without a word the other end is asked, each 10 s
   three times, whether it is still there. That asks on idle connections alone: for
   bytes that nobody acknowledges the system has its own patience, a quarter of an
   hour, which is made a minute where it can be. Not less: Linux ends an idle
   connection, too, when it has been silent for so long and has been asked once, so
   with 30 s a single question that is lost on its way would end it. */
#include "keepalive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "quirks.h"

#define IDLE_SECONDS 30
#define INTERVAL_SECONDS 10
#define PROBES 3
#define UNANSWERED_MS ((IDLE_SECONDS + PROBES * INTERVAL_SECONDS) * 1000)

/* Since 8.9.0; younger than a header may be. */
#define OPTION_TCP_KEEPCNT ((CURLoption)326)

void keepalive_set(CURL *handle)
{
  /* Those that a libcurl knows cannot fail. */
  (void)curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  (void)curl_easy_setopt(handle, CURLOPT_TCP_KEEPIDLE, (long)IDLE_SECONDS);
  (void)curl_easy_setopt(handle, CURLOPT_TCP_KEEPINTVL, (long)INTERVAL_SECONDS);
  (void)curl_easy_setopt(handle, OPTION_TCP_KEEPCNT, (long)PROBES);
}

#ifdef TCP_KEEPIDLE

static void set(curl_socket_t fd, int option, int value)
{
  /* When it fails, the system's own value stands. */
  (void)setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value);
}

void keepalive_apply(curl_socket_t fd)
{
  int idle = 0;
  socklen_t size = sizeof idle;
  if (getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &size) != 0 ||
      idle != IDLE_SECONDS)
    return;
  if (quirk_no_keepcnt())
    set(fd, TCP_KEEPCNT, PROBES);
#ifdef TCP_USER_TIMEOUT
  set(fd, TCP_USER_TIMEOUT, UNANSWERED_MS);
#endif
}

#else

void keepalive_apply(curl_socket_t fd)
{
  (void)fd; /* keepalive alone, then */
}

#endif
