/* curl_easy_perform and its family, on the driver. A handle gets a multi of its
   own when it is first performed, as in libcurl, and keeps it until it is cleaned
   up; it is removed from it after each transfer, unless CURLOPT_CONNECT_ONLY wants
   to send on its connection. */
#define _GNU_SOURCE
#include "shim.h"

#include <dlfcn.h>
#include <string.h>

#include "process.h"

/* ---- curl_easy_perform ---- */

static uint64_t now_ms(void)
{
  return uv_hrtime() / 1000000;
}

static CURLcode run_transfer(Driven *driven, const Easy *easy)
{
  long tick =
      easy->has_progress && !easy->no_progress ? setting("SHIM_TICK", 500) : 0;
  long stall = setting("SHIM_STALL", 20000);
  uint64_t start = now_ms(), heard = start;
  int turns = 0, ticks = 0, stalls = 0;
  CURL *ended = NULL;
  CURLcode result = CURLE_OK;
  while (!driven_has_ended(driven)) {
    bool silent = host_turn(driven->host, driven, tick > 0 ? tick : stall);
    turns++;
    if (!silent)
      heard = now_ms();
    else if (now_ms() - heard >= (uint64_t)stall) {
      stalls++;
      note_oddity("STALL after so many turns", turns);
      driven_sweep(driven);
      heard = now_ms();
    }
    else if (tick > 0) {
      ticks++;
      driven_sweep(driven);
    }
  }
  if (driven->failure == CURLM_OUT_OF_MEMORY)
    result = CURLE_OUT_OF_MEMORY;
  else if (driven->failure != CURLM_OK)
    result = CURLE_BAD_FUNCTION_ARGUMENT;
  else if (!take_message(driven, &ended, &result) || ended != easy->easy)
    note_oddity("FAULT: another handle ended", (int)result);
  note("transfer %d in %llu ms, %d turns, %d ticks, %d stalls", (int)result,
       (unsigned long long)(now_ms() - start), turns, ticks, stalls);
  return result;
}

EXPORT CURLcode curl_easy_perform(CURL *handle)
{
  Easy *easy = easy_find(handle);
  Host *host;
  CURLMcode code;
  CURLcode result;
  if (easy == NULL || (host = host_here()) == NULL)
    return REAL(curl_easy_perform)(handle);
  if (easy->errors != NULL)
    easy->errors[0] = '\0';
  if (host->running || (easy->own != NULL && easy->own->host != host)) {
    note_oddity(host->running ? "performed as it is, nested"
                              : "performed as it is, of another thread",
                0);
    return REAL(curl_easy_perform)(handle);
  }
  if (easy->own != NULL && easy->in == easy->own) /* CONNECT_ONLY */
    (void)driven_remove(easy->own, easy);
  if (easy->own == NULL) {
    CURLM *multi = REAL(curl_multi_init)();
    if (multi == NULL)
      return CURLE_OUT_OF_MEMORY;
    easy->own = driven_new(host, multi);
    if (easy->own == NULL)
      return CURLE_OUT_OF_MEMORY;
  }
  real_curl_multi_setopt(easy->own->uv.handle, CURLMOPT_MAXCONNECTS,
                         easy->connections);
  easy->own->failure = CURLM_OK;
  code = driven_add(easy->own, easy);
  if (code != CURLM_OK)
    return code == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY
                                       : CURLE_FAILED_INIT;
  result = run_transfer(easy->own, easy);
  /* Outside of its multi nothing could be sent on the connection. */
  if (!easy->connect_only || result != CURLE_OK)
    (void)driven_remove(easy->own, easy);
  return result;
}

/* ---- The life of handles ---- */

EXPORT CURL *curl_easy_init(void)
{
  CURL *easy = REAL(curl_easy_init)();
  (void)easy_note(easy);
  return easy;
}

EXPORT CURL *curl_easy_duphandle(CURL *handle)
{
  CURL *copy = REAL(curl_easy_duphandle)(handle);
  Easy *from = easy_find(handle), *to;
  if (copy == NULL || from == NULL)
    return copy;
  to = easy_note(copy);
  to->sockets = from->sockets;
  to->has_progress = from->has_progress;
  to->no_progress = from->no_progress;
  to->connect_only = from->connect_only;
  to->connections = from->connections;
  to->errors = from->errors;
  to->prereq = from->prereq;
  to->prereq_data = from->prereq_data;
  sockets_give_back(to); /* a copy in a transfer has the driver's */
  return copy;
}

EXPORT void curl_easy_reset(CURL *handle)
{
  Easy *easy = easy_find(handle);
  REAL(curl_easy_reset)(handle);
  if (easy == NULL)
    return;
  memset(&easy->sockets, 0, sizeof easy->sockets);
  easy->has_progress = false;
  easy->no_progress = true;
  easy->connections = 5;
  easy->errors = NULL;
  easy->prereq = NULL;
}

EXPORT void curl_easy_cleanup(CURL *handle)
{
  Easy *easy = easy_find(handle);
  if (easy == NULL) {
    REAL(curl_easy_cleanup)(handle);
    return;
  }
  if (easy->in != NULL)
    (void)driven_remove(easy->in, easy);
  if (easy->own != NULL)
    (void)driven_end(easy->own);
  easy_forget(easy);
  REAL(curl_easy_cleanup)(handle);
}

EXPORT CURLcode curl_easy_setopt(CURL *handle, CURLoption option, ...)
{
  Easy *easy = easy_find(handle);
  CURLcode code;
  va_list list, again;
  va_start(list, option);
  va_copy(again, list);
  code = pass_easy_option(handle, option, list);
  va_end(list);
  if (easy != NULL && code == CURLE_OK)
    switch ((int)option) {
    case CURLOPT_OPENSOCKETFUNCTION:
      *(void **)&easy->sockets.open = va_arg(again, void *);
      break;
    case CURLOPT_OPENSOCKETDATA:
      easy->sockets.open_data = va_arg(again, void *);
      break;
    case CURLOPT_CLOSESOCKETFUNCTION:
      *(void **)&easy->sockets.close = va_arg(again, void *);
      break;
    case CURLOPT_CLOSESOCKETDATA:
      easy->sockets.close_data = va_arg(again, void *);
      break;
    case CURLOPT_XFERINFOFUNCTION:
    case 20056: /* CURLOPT_PROGRESSFUNCTION */
      easy->has_progress = va_arg(again, void *) != NULL;
      break;
    case CURLOPT_NOPROGRESS:
      easy->no_progress = va_arg(again, long) != 0;
      break;
    case CURLOPT_CONNECT_ONLY:
      easy->connect_only = va_arg(again, long) != 0;
      break;
    case CURLOPT_MAXCONNECTS: easy->connections = va_arg(again, long); break;
    case CURLOPT_PREREQFUNCTION:
      *(void **)&easy->prereq = va_arg(again, void *);
      break;
    case CURLOPT_PREREQDATA: easy->prereq_data = va_arg(again, void *); break;
    case CURLOPT_ERRORBUFFER: easy->errors = va_arg(again, char *); break;
    default: break;
    }
  va_end(again);
  return code;
}

/* ---- Beginning and end of the process ---- */

static void __attribute__((constructor)) begin(void)
{
  /* A shell on the way to the program has no libcurl. */
  if (dlsym(RTLD_NEXT, "curl_easy_perform") == NULL)
    return;
  (void)process_init(true);
  host_begin();
}

static void __attribute__((destructor)) finish(void)
{
  host_finish();
}
