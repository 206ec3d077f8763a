/* The connection that a transfer uses: what the driver, or the sockets of a
   multi without one, are told of it, so that a request is not sent on one
   that has something to say already. */
#include <strings.h>

#include "above.h"
#include "easy.h"
#include "gathered.h"
#include "quirks.h"

/* Whether the transfer has a connection of HTTP/1 that had been there before. */
static bool reuses_http1(const Easy *easy)
{
  const char *scheme = NULL;
  long connects = 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_NUM_CONNECTS, &connects);
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SCHEME, &scheme);
  return connects == 0 && scheme != NULL &&
         (strcasecmp(scheme, "http") == 0
              ? !easy->cleartext_http2
              : easy->http1_only && strcasecmp(scheme, "https") == 0);
}

bool easy_use(Easy *easy, const char *peer, int peer_port, int local_port)
{
  UvPlace place = { peer, peer_port, local_port, easy->max_idle };
  if (easy->driver != NULL)
    return uvdriver_use(easy->driver, &easy->use, &place);
  return easy->multi == NULL || !quirk_reuses_talking() ||
         !reuses_http1(easy) ||
         ports_check(above_multi()->ports(easy->multi), local_port);
}

bool easy_hang_up(Easy *easy, int local_port)
{
  if (easy->driver != NULL)
    return uvdriver_hang_up(&easy->use);
  return easy->multi != NULL &&
         ports_hang_up(above_multi()->ports(easy->multi), local_port);
}

/* One that must not be used was shut down: libcurl takes another. */
static int on_prereq(void *data, char *peer, char *local, int peer_port,
                     int local_port)
{
  (void)local;
  (void)easy_use(data, peer, peer_port, local_port);
  return CURL_PREREQFUNC_OK;
}

void easy_set_prereq(Easy *easy)
{
  (void)curl_easy_setopt(easy->handle, CURLOPT_PREREQFUNCTION, on_prereq);
  (void)curl_easy_setopt(easy->handle, CURLOPT_PREREQDATA, easy);
}

/* Whether the other end has nothing to say until it is asked again. */
static bool is_http1(Easy *easy)
{
  long version = 0, status = 0;
  if (easy->receiver != NULL && easy->receiver->major == '1')
    return easy->receiver->status != 101;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_HTTP_VERSION, &version);
  if (version != CURL_HTTP_VERSION_1_1 && version != CURL_HTTP_VERSION_1_0)
    return false;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_RESPONSE_CODE, &status);
  return status != 101;
}

/* Whether its connection has failed, and nobody else uses it. */
static bool leaves_broken(const Easy *easy)
{
  return easy->finished && easy->use.previous == NULL &&
         easy->use.next == NULL &&
         (easy->result == CURLE_HTTP2 || easy->result == CURLE_RECV_ERROR ||
          easy->result == CURLE_SEND_ERROR);
}

void easy_unuse(Easy *easy)
{
  bool http1;
  if (easy->use.watch == NULL)
    return;
  http1 = is_http1(easy);
  if (!http1 && quirk_h2_keeps_broken() && leaves_broken(easy))
    (void)uvdriver_hang_up(&easy->use);
  uvdriver_unuse(&easy->use, http1,
                 easy->receiver == NULL || easy->receiver->received == 0);
}
