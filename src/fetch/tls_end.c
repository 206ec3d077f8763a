/* See tls_end.h. OpenSSL is not linked: what libcurl has loaded is found beside
   it. */
#define _GNU_SOURCE
#include "tls_end.h"

#include <dlfcn.h>
#include <strings.h>
#include <uv.h>

#include "quirks.h"

#define OPENSSL_RECEIVED_SHUTDOWN 2

typedef int GetShutdown(const void *ssl);

static GetShutdown *get_shutdown;
static uv_once_t found = UV_ONCE_INIT;

static void find(void)
{
  Dl_info info;
  void *library, *symbol = NULL;
  if (dladdr((void *)(uintptr_t)curl_easy_perform, &info) == 0)
    return;
  library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (library == NULL)
    return;
  /* Of the library and of those that it needs. */
  symbol = dlsym(library, "SSL_get_shutdown");
  *(void **)&get_shutdown = symbol;
  (void)dlclose(library); /* libcurl itself stays */
}

static void *openssl_of(const Easy *easy)
{
  struct curl_tlssessioninfo *session = NULL;
  if (curl_easy_getinfo(easy->handle, CURLINFO_TLS_SSL_PTR, &session) !=
          CURLE_OK ||
      session == NULL || session->backend != CURLSSLBACKEND_OPENSSL)
    return NULL;
  return session->internals;
}

/* Called for the last time when all was read, and the connection still stands. */
static int on_progress(void *data, curl_off_t down_total, curl_off_t down,
                       curl_off_t up_total, curl_off_t up)
{
  const Easy *easy = data;
  Receiver *receiver = easy->receiver;
  void *ssl = receiver->tls_end == TLS_END_AWAITED ? openssl_of(easy) : NULL;
  (void)down_total;
  (void)down;
  (void)up_total;
  (void)up;
  if (ssl != NULL && (get_shutdown(ssl) & OPENSSL_RECEIVED_SHUTDOWN) != 0)
    receiver->tls_end = TLS_END_TOLD;
  return 0;
}

/* Whether the end of the connection is that of the body. */
static bool ends_with_connection(const Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  const Framing *framing = &receiver->framing;
  const Buffer *head = &receiver->head;
  const char *scheme = NULL, *method = NULL;
  if (framing->named || framing->coded || receiver->status < 200 ||
      receiver->status == 204 || receiver->status == 304 ||
      buffer_size(head) < 6 || buffer_head(head)[5] != '1')
    return false;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SCHEME, &scheme);
  (void)curl_easy_getinfo(easy->handle, CURLINFO_EFFECTIVE_METHOD, &method);
  return scheme != NULL && strcasecmp(scheme, "https") == 0 &&
         !(method != NULL && strcasecmp(method, "HEAD") == 0);
}

void tls_end_watch(Easy *easy)
{
  if (!quirk_tls_end_unread() || easy->shows_progress ||
      !ends_with_connection(easy))
    return;
  uv_once(&found, find);
  if (get_shutdown == NULL || openssl_of(easy) == NULL)
    return;
  easy->receiver->tls_end = TLS_END_AWAITED;
  /* Setting these cannot fail. They are taken back by the reset that a needs_reset
     handle gets. */
  (void)curl_easy_setopt(easy->handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  (void)curl_easy_setopt(easy->handle, CURLOPT_XFERINFODATA, easy);
  (void)curl_easy_setopt(easy->handle, CURLOPT_NOPROGRESS, 0L);
  easy->needs_reset = true;
}

bool tls_end_is_missing(const Easy *easy)
{
  return easy->receiver->tls_end == TLS_END_AWAITED;
}
