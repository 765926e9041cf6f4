#include "molt/wire/envelope.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "molt/types/iso_text.h"
#include "molt/types/msgpack_out.h"
#include "molt/wire/frame.h"

namespace molt::wire {

namespace {

using types::Document;

// A payload is bytes of the frame, so nothing can be larger than that; in JSON it is text.
constexpr types::DocumentLimits kLimits{
    .depth_max = 64, .size_bytes_max = kFrameBytesMax, .nodes_max = 100'000};

// Reads fields of an envelope; the first thing that is wrong stays.
class Fields {
 public:
  Fields(const Document& envelope, std::string& problem) : envelope_(envelope), problem_(problem) {}

  // nullptr if it is missing.
  const Document* Find(std::string_view name) const { return envelope_.Find(name); }
  const Document* Need(std::string_view name) {
    const Document* found = envelope_.Find(name);
    if (found == nullptr) Refuse(name, "is missing");
    return found;
  }
  std::string Text(std::string_view name) {
    const Document* found = Need(name);
    if (found == nullptr) return {};
    if (const std::string* text = found->AsString()) return *text;
    Refuse(name, "must be a string, not " + Article(*found));
    return {};
  }
  std::uint64_t Unsigned(std::string_view name, std::uint64_t max) {
    const Document* found = Need(name);
    return found == nullptr ? 0 : Unsigned(name, *found, max);
  }
  std::uint64_t Unsigned(std::string_view name, const Document& value, std::uint64_t max) {
    const auto number = value.AsUint64();
    if (number && *number <= max) return *number;
    const bool is_integer = number || value.AsInt64();
    Refuse(name, "must be an integer from 0 to " + std::to_string(max) +
                     (is_integer ? "" : ", not " + Article(value)));
    return 0;
  }
  void Refuse(std::string_view name, std::string_view why) {
    if (problem_.empty()) problem_ = "\"" + std::string(name) + "\" " + std::string(why);
  }

 private:
  static std::string Article(const Document& value) {
    std::string kind(value.KindName());
    if (value.IsNull() || kind == "bytes") return kind;
    return (kind == "integer" || kind == "array" ? "an " : "a ") + kind;
  }

  const Document& envelope_;
  std::string& problem_;
};

constexpr std::uint64_t kIdMax = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kTimeoutMax = std::numeric_limits<std::uint32_t>::max();

WireFormat FormatOf(std::string_view body) {
  return body.starts_with('{') ? WireFormat::kJson : WireFormat::kMsgPack;
}

// The map, or as much of it as could be read before a mistake.
Document ReadMap(std::string_view body, WireFormat format, std::string& problem) {
  Document so_far;
  auto read = format == WireFormat::kJson ? types::ParseJson(body, kLimits, &so_far)
                                          : types::ParseMsgPack(body, kLimits, &so_far);
  if (!read) {
    problem = std::move(read.error().message);
    return so_far;
  }
  if (read->AsMap() == nullptr) problem = "not a map";
  return std::move(*read);
}

// As only a map that is refused can have it: then nobody can tell which of the two was meant.
bool HasTwice(const Document& envelope, std::string_view name) {
  const auto& fields = *envelope.AsMap();
  return std::count_if(fields.begin(), fields.end(),
                       [name](const auto& field) { return field.first == name; }) > 1;
}

std::string TakePayload(Document& envelope, WireFormat format, Fields& fields) {
  constexpr std::string_view kBinary = "payload";
  constexpr std::string_view kText = "payload_b64";
  const std::string_view name = format == WireFormat::kJson ? kText : kBinary;
  for (auto& [key, value] : *envelope.AsMap()) {
    if (key != name) continue;
    if (format == WireFormat::kJson) {
      const std::string* text = value.AsString();
      auto bytes = text == nullptr ? std::nullopt : types::DecodeBase64(*text);
      if (!bytes) fields.Refuse(name, "must be a string of standard, padded base64");
      return bytes ? std::move(*bytes) : std::string();
    }
    if (types::Bytes* bytes = value.AsBytes()) return std::move(bytes->data);
    fields.Refuse(name, "must be bytes");
  }
  return {};
}

std::string TextIfThere(const Document& map, std::string_view key) {
  const Document* value = map.Find(key);
  return value == nullptr || value->AsString() == nullptr ? std::string() : *value->AsString();
}

Document::Map MapOf(const Metrics& metrics) {
  Document::Map map;
  metrics.ForEach(
      [&](std::string_view name, std::int64_t value) { map.emplace_back(name, value); },
      [&](std::string_view name, std::string_view value) { map.emplace_back(name, value); });
  return map;
}

void WriteField(std::string_view name, const Document& value, std::string& json) {
  json += json.back() == '{' ? "\"" : ",\"";
  json += name;
  json += "\":";
  json += types::ToJson(value);
}

}  // namespace

ReceivedRequest ReadRequest(std::string_view body) {
  ReceivedRequest received;
  received.format = FormatOf(body);
  Document envelope = ReadMap(body, received.format, received.problem);
  if (envelope.AsMap() == nullptr) return received;
  Request& request = received.request;
  std::string id_problem;
  Fields id(envelope, id_problem);
  if (!HasTwice(envelope, "request_id")) request.request_id = id.Unsigned("request_id", kIdMax);
  if (received.problem.empty()) received.problem = std::move(id_problem);
  if (!received.problem.empty()) return received;

  Fields fields(envelope, received.problem);
  request.entry = fields.Text("entry");
  request.timeout_ms = static_cast<std::uint32_t>(fields.Unsigned("timeout_ms", kTimeoutMax));
  const std::string codec = fields.Text("codec");
  if (received.problem.empty()) {
    if (const auto known = PayloadCodecFromName(codec)) {
      request.codec = *known;
    } else {
      fields.Refuse("codec", "must be msgpack, json, arrow_ipc or raw, not \"" + codec + "\"");
    }
  }
  if (const Document* stream = fields.Find("stream"); stream != nullptr && !stream->IsNull()) {
    const Document* window = stream->Find("window");
    const auto frames = window == nullptr ? std::nullopt : window->AsUint64();
    if (frames && *frames >= 1 && *frames <= kStreamWindowMax) {
      request.stream_window = static_cast<std::uint32_t>(*frames);
    } else {
      fields.Refuse("stream", "must be a map whose \"window\" is from 1 to 1024");
    }
  }
  request.payload = TakePayload(envelope, received.format, fields);
  return received;
}

void WriteRequest(const Request& request, WireFormat format, std::string& out) {
  const std::size_t at = out.size();
  out.append(kFrameHeaderBytes, '\0');
  Document stream;
  if (request.stream_window) {
    stream = Document::Map{{"window", Document(std::uint64_t{*request.stream_window})}};
  }
  if (format == WireFormat::kJson) {
    out += '{';
    WriteField("request_id", Document(request.request_id), out);
    WriteField("entry", Document(request.entry), out);
    WriteField("timeout_ms", Document(std::uint64_t{request.timeout_ms}), out);
    WriteField("codec", Document(PayloadCodecName(request.codec)), out);
    if (request.stream_window) WriteField("stream", stream, out);
    WriteField("payload_b64", Document(types::EncodeBase64(request.payload)), out);
    out += '}';
  } else {
    types::MsgPackOut to(out);
    to.Map(request.stream_window ? 6 : 5);
    to.String("request_id");
    to.Uint(request.request_id);
    to.String("entry");
    to.String(request.entry);
    to.String("timeout_ms");
    to.Uint(request.timeout_ms);
    to.String("codec");
    to.String(PayloadCodecName(request.codec));
    if (request.stream_window) {
      to.String("stream");
      out += types::ToMsgPack(stream);
    }
    to.String("payload");
    to.Binary(request.payload);
  }
  SetFrameLength(out, at);
}

void SetError(const Error& error, Response& response) {
  response.status = StatusOf(error.code);
  response.error = error.message;
  response.error_code = ErrorCodeName(error.code);
  response.sqlstate = error.sqlstate;
}

Error ErrorOf(const Response& response) {
  Error error{CodeOf(response.status), response.error, response.sqlstate, false};
  // A worker that says more closely what it was says no other status.
  const auto code = ErrorCodeFromName(response.error_code);
  if (code && StatusOf(*code) == response.status) error.code = *code;
  error.retryable = error.code == ErrorCode::kBusy;
  return error;
}

void WriteResponseHead(const Response& response, std::string& out) {
  const std::size_t at = out.size();
  out.append(kFrameHeaderBytes, '\0');
  types::MsgPackOut to(out);
  to.Map(8 + (response.part ? 2 : 0) + (response.error_code.empty() ? 0 : 2));
  to.String("request_id");
  to.Uint(response.request_id);
  to.String("status");
  to.String(ResponseStatusName(response.status));
  to.String("codec");
  to.String(PayloadCodecName(response.codec));
  to.String("metrics");
  to.Map(response.metrics.size());
  response.metrics.ForEach(
      [&](std::string_view name, std::int64_t value) {
        to.String(name);
        to.Int(value);
      },
      [&](std::string_view name, std::string_view value) {
        to.String(name);
        to.String(value);
      });
  to.String("error");
  to.String(response.error);
  if (!response.error_code.empty()) {
    to.String("error_code");
    to.String(response.error_code);
    to.String("sqlstate");
    to.String(response.sqlstate);
  }
  to.String("entry");
  to.String(response.entry);
  to.String("compiled");
  to.Uint(0);
  if (response.part) {
    to.String("seq");
    to.Uint(response.part->seq);
    to.String("more");
    to.Bool(response.part->more);
  }
  to.String("payload");
  to.BinaryHeader(response.payload.size());
  SetFrameLength(out, at, response.payload.size());
}

void WriteResponse(const Response& response, WireFormat format, std::string& out) {
  if (format == WireFormat::kMsgPack) {
    WriteResponseHead(response, out);
    out += response.payload;
    return;
  }
  const std::size_t at = out.size();
  out.append(kFrameHeaderBytes, '\0');
  out += '{';
  WriteField("request_id", Document(response.request_id), out);
  WriteField("status", Document(ResponseStatusName(response.status)), out);
  WriteField("codec", Document(PayloadCodecName(response.codec)), out);
  WriteField("metrics", Document(MapOf(response.metrics)), out);
  WriteField("error", Document(response.error), out);
  if (!response.error_code.empty()) {
    WriteField("error_code", Document(response.error_code), out);
    WriteField("sqlstate", Document(response.sqlstate), out);
  }
  WriteField("entry", Document(response.entry), out);
  WriteField("compiled", Document(0), out);
  if (response.part) {
    WriteField("seq", Document(response.part->seq), out);
    WriteField("more", Document(response.part->more), out);
  }
  WriteField("payload_b64", Document(types::EncodeBase64(response.payload)), out);
  out += '}';
  SetFrameLength(out, at);
}

Result<ReceivedResponse> ReadResponse(std::string_view body) {
  std::string problem;
  const WireFormat format = FormatOf(body);
  Document envelope = ReadMap(body, format, problem);
  ReceivedResponse received;
  Response& response = received.response;
  if (problem.empty()) {
    Fields fields(envelope, problem);
    response.request_id = fields.Unsigned("request_id", kIdMax);
    if (const auto known = ResponseStatusFromName(fields.Text("status"))) {
      response.status = *known;
    } else {
      fields.Refuse("status", "is unknown");
    }
    if (const auto known = PayloadCodecFromName(fields.Text("codec"))) {
      response.codec = *known;
    } else {
      fields.Refuse("codec", "is unknown");
    }
    response.error = TextIfThere(envelope, "error");
    response.error_code = TextIfThere(envelope, "error_code");
    response.sqlstate = TextIfThere(envelope, "sqlstate");
    response.entry = TextIfThere(envelope, "entry");
    if (const Document* metrics = fields.Find("metrics"); metrics != nullptr && metrics->AsMap()) {
      received.metrics = *metrics->AsMap();
    }
    if (const Document* more = fields.Find("more")) {
      response.part = {fields.Unsigned("seq", kIdMax), more->AsBool().value_or(false)};
    }
    response.payload = TakePayload(envelope, format, fields);
  }
  if (!problem.empty()) return Protocol(problem);
  return received;
}

}  // namespace molt::wire
