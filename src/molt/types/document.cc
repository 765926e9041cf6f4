#include "molt/types/document.h"

namespace molt::types {

Document::Document(std::uint64_t value) {
  if (std::in_range<std::int64_t>(value)) {
    data_ = static_cast<std::int64_t>(value);
  } else {
    data_ = value;
  }
}

std::string_view Document::KindName() const {
  struct Visitor {
    std::string_view operator()(std::monostate) const { return "null"; }
    std::string_view operator()(bool) const { return "bool"; }
    std::string_view operator()(std::int64_t) const { return "integer"; }
    std::string_view operator()(std::uint64_t) const { return "integer"; }
    std::string_view operator()(double) const { return "number"; }
    std::string_view operator()(const std::string&) const { return "string"; }
    std::string_view operator()(const Bytes&) const { return "bytes"; }
    std::string_view operator()(const Array&) const { return "array"; }
    std::string_view operator()(const Map&) const { return "map"; }
  };
  return std::visit(Visitor{}, data_);
}

std::optional<bool> Document::AsBool() const {
  if (const auto* value = std::get_if<bool>(&data_)) return *value;
  return std::nullopt;
}

std::optional<std::int64_t> Document::AsInt64() const {
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return *value;
  return std::nullopt;
}

std::optional<std::uint64_t> Document::AsUint64() const {
  if (const auto* value = std::get_if<std::uint64_t>(&data_)) return *value;
  const auto* value = std::get_if<std::int64_t>(&data_);
  if (value != nullptr && *value >= 0) return static_cast<std::uint64_t>(*value);
  return std::nullopt;
}

std::optional<double> Document::AsDouble() const {
  if (const auto* value = std::get_if<double>(&data_)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&data_)) return static_cast<double>(*value);
  return std::nullopt;
}

const Document* Document::Find(std::string_view key) const {
  const Map* map = AsMap();
  if (map == nullptr) return nullptr;
  for (const auto& [name, value] : *map) {
    if (name == key) return &value;
  }
  return nullptr;
}

}  // namespace molt::types
