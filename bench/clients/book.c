/* The client by the book: libcurl on libuv exactly as curl's documented
 * example (docs/examples/multi-uv.c) does it, with pooled easy handles. A
 * uv_poll is made, started, stopped and closed as the socket callback says,
 * and a timer of 0 ms becomes one of 1 ms. */
#include "common.h"

#include <stdlib.h>

struct context {
  uv_poll_t poll;
  curl_socket_t fd;
};

static struct options options;
static uv_loop_t *loop;
static uv_timer_t timeout;
static CURLM *multi;

static void messages_read(void);

static void on_close(uv_handle_t *handle)
{
  free(handle->data);
}

static struct context *context_new(curl_socket_t fd)
{
  struct context *context = malloc(sizeof(*context));

  require(context != NULL, "malloc");
  context->fd = fd;
  require(uv_poll_init_socket(loop, &context->poll, fd) == 0, "uv_poll_init");
  context->poll.data = context;
  return context;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
  struct context *context = poll->data;
  int flags = 0;
  int running;

  (void)status; /* as in the example: libcurl finds an error by itself */
  if (events & UV_READABLE)
    flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE)
    flags |= CURL_CSELECT_OUT;
  curl_multi_socket_action(multi, context->fd, flags, &running);
  messages_read();
}

static void on_timeout(uv_timer_t *timer)
{
  int running;

  (void)timer;
  curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  messages_read();
}

static int on_curl_timer(CURLM *from, long timeout_ms, void *userp)
{
  (void)from;
  (void)userp;
  if (timeout_ms < 0)
    uv_timer_stop(&timeout);
  else
    uv_timer_start(&timeout, on_timeout, timeout_ms ? timeout_ms : 1, 0);
  return 0;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *userp,
                          void *assigned)
{
  struct context *context = assigned;
  int events = 0;

  (void)easy;
  (void)userp;
  if (what == CURL_POLL_REMOVE) {
    if (context) {
      uv_poll_stop(&context->poll);
      uv_close((uv_handle_t *)&context->poll, on_close);
      curl_multi_assign(multi, fd, NULL);
    }
    return 0;
  }
  if (!context)
    context = context_new(fd);
  curl_multi_assign(multi, fd, context);
  if (what != CURL_POLL_IN)
    events |= UV_WRITABLE;
  if (what != CURL_POLL_OUT)
    events |= UV_READABLE;
  require(uv_poll_start(&context->poll, events, on_poll) == 0, "uv_poll_start");
  return 0;
}

static void book_open(struct slot *slot)
{
  slot->multi = multi;
  slot->easy = curl_easy_init();
  require(slot->easy != NULL, "curl_easy_init");
}

static void book_start(struct slot *slot)
{
  curl_easy_reset(slot->easy);
  slot_prepare(slot, &options);
  if (options.kind->headers) {
    curl_slist_free_all(slot->headers);
    slot->headers = kind_headers(options.kind, NULL);
    curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers);
  }
  if (options.numbered || options.kind->distinct)
    slot_number(slot, &options);
  else
    curl_easy_setopt(slot->easy, CURLOPT_URL, options.url);
  require(curl_multi_add_handle(multi, slot->easy) == CURLM_OK,
          "curl_multi_add_handle");
}

static void messages_read(void)
{
  CURLMsg *message;
  int pending;

  while ((message = curl_multi_info_read(multi, &pending))) {
    CURL *easy = message->easy_handle;
    CURLcode result = message->data.result;
    struct slot *slot;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
    curl_multi_remove_handle(multi, easy);
    if (load_finished(slot, result))
      book_start(slot);
  }
}

int main(int argc, char **argv)
{
  static const struct client client = { "book", book_open, book_start };
  int status;

  options_read(&options, argc, argv);
  require(curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK, "curl_global_init");
  loop = uv_default_loop();
  require(uv_timer_init(loop, &timeout) == 0, "uv_timer_init");
  multi = curl_multi_init();
  require(multi != NULL, "curl_multi_init");
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
  /* The example sets no limit; where it cannot do without, bench/run says so. */
  if (options.host_connections)
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                      options.host_connections);

  status = load_run(&options, loop, &client);

  curl_multi_cleanup(multi);
  uv_close((uv_handle_t *)&timeout, NULL);
  uv_run(loop, UV_RUN_DEFAULT); /* delivers the close callbacks */
  (void)uv_loop_close(loop);    /* nothing is left to do if it were busy */
  curl_global_cleanup();
  return status;
}
