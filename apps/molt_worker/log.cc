#include "apps/molt_worker/log.h"

#include <memory>
#include <string>
#include <utility>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "molt/types/document.h"
#include "molt/types/utf8.h"

namespace molt::app {

namespace {

// A message may repeat a path of any bytes; JSON is UTF-8.
std::string Readable(std::string text) {
  for (std::size_t at = 0;
       (at += types::ValidUtf8Prefix(std::string_view(text).substr(at))) < text.size();) {
    text[at] = '?';
  }
  return text;
}

class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    const std::string text(message.payload.data(), message.payload.size());
    const std::string json = types::ToJson(types::Document(Readable(text)));
    out.append(json.data(), json.data() + json.size());
  }
  [[nodiscard]] std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

}  // namespace

void SetUpLog(std::string_view format) {
  const std::string name = "molt-worker";
  spdlog::drop(name);
  spdlog::set_default_logger(spdlog::stderr_logger_mt(name));
  if (format != "json") return;
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<JsonMessage>('*').set_pattern(
      R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","logger":"%n","pid":%P,"message":%*})");
  spdlog::set_formatter(std::move(formatter));
}

}  // namespace molt::app
