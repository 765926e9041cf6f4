// Unbound expressions: immutable trees that name columns without knowing what they are. They are
// built by the fluent methods below, checked and resolved by the binder (binder.h), and only the
// bound form can be compiled.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "molt/query/hash.h"
#include "molt/query/op.h"
#include "molt/types/value.h"

namespace molt::query {

struct ExprNode;
struct Ordering;

// Deeper or larger than this, an expression becomes an error: it bounds every recursion over
// expressions, and what a peer can make us build. Serialized, a level of an expression is two of
// the document, which holds 256 (types/document.h), an envelope around the query included.
inline constexpr std::uint32_t kExprDepthMax = 120;
inline constexpr std::uint32_t kExprNodesMax = 200'000;

// The types of single values. Nothing that merely converts to one of them: the operators below
// would take over `!` and `&&` of every such type.
template <class T>
concept IsLiteral =
    std::constructible_from<types::Value, T> &&
    (std::is_arithmetic_v<T> || std::same_as<T, std::string> || std::same_as<T, types::Null> ||
     std::same_as<T, types::Bytes> || std::same_as<T, types::Date> ||
     std::same_as<T, types::Time> || std::same_as<T, types::Timestamp> ||
     std::same_as<T, types::Decimal> || std::same_as<T, types::Uuid>);

// A shared pointer to an immutable node; cheap to copy, safe to share between threads.
class Expr {
 public:
  Expr() = default;
  explicit Expr(std::shared_ptr<const ExprNode> node) : node_(std::move(node)) {}

  // Any C++ value that a types::Value can hold is a literal where an Expr is expected. Of each type
  // directly: by way of Value it would take two conversions, and C++ makes one by itself.
  Expr(types::Value value);  // NOLINT(google-explicit-constructor)
  template <IsLiteral T>
  Expr(T value) : Expr(types::Value(std::move(value))) {}           // NOLINT
  Expr(std::string_view v) : Expr(types::Value(std::string(v))) {}  // NOLINT
  Expr(const char* value) : Expr(std::string_view(value)) {}        // NOLINT

  static Expr Column(std::string qualifier, std::string name);
  static Expr Constant(bool value);
  // SQL by hand: `text` with `{name}` holes; "{{" and "}}" are braces. Each hole takes the value of
  // that name, each value must be used.
  static Expr Raw(std::string_view text, const std::vector<std::pair<std::string, Expr>>& values);
  // The same, already cut at its holes: one part more than there are values.
  static Expr RawParts(std::vector<std::string> parts, std::vector<Expr> args);
  // An operation (not a leaf, kRaw or kAlias) with its arguments. All that is built passes here,
  // and is checked here: the number of arguments, `distinct`, and NULL literals where they would
  // silently match nothing (= and <> become IS [NOT] NULL, elsewhere they are an error).
  static Expr Make(Op op, std::vector<Expr> args, bool distinct = false);
  // An error that binding will report.
  static Expr Error(std::string message);

  [[nodiscard]] Expr As(std::string name) const;
  [[nodiscard]] Expr In(std::vector<Expr> values) const;
  [[nodiscard]] Expr NotIn(std::vector<Expr> values) const;
  [[nodiscard]] Expr Between(const Expr& low, const Expr& high) const;
  [[nodiscard]] Expr IsNull() const;
  [[nodiscard]] Expr IsNotNull() const;
  [[nodiscard]] Expr Like(const Expr& pattern) const;
  [[nodiscard]] Expr ILike(const Expr& pattern) const;
  [[nodiscard]] Expr StartsWith(const Expr& text) const;
  [[nodiscard]] Expr EndsWith(const Expr& text) const;
  [[nodiscard]] Expr Contains(const Expr& text) const;

  [[nodiscard]] Expr Count(bool distinct = false) const;
  [[nodiscard]] Expr Sum() const;
  [[nodiscard]] Expr Avg() const;
  [[nodiscard]] Expr Min() const;
  [[nodiscard]] Expr Max() const;

  [[nodiscard]] Ordering Asc() const;
  [[nodiscard]] Ordering Desc() const;

  const ExprNode* operator->() const { return node_.get(); }
  const ExprNode& operator*() const { return *node_; }
  // For `if (e)` alone: `!e`, `e && x` and `e || x` build expressions.
  explicit operator bool() const { return node_ != nullptr; }
  [[nodiscard]] bool IsEmpty() const { return node_ == nullptr; }

 private:
  std::shared_ptr<const ExprNode> node_;
};

// Empty fields do not apply to the node's op.
struct ExprNode {
  Op op = Op::kError;
  bool distinct = false;  // aggregates: of distinct values
  std::uint32_t depth = 1;
  std::uint32_t nodes = 1;  // in this tree
  Hash128 hash;             // of the structure: everything but literal values
  std::vector<Expr> args;
  std::string qualifier;           // kColumn: alias or name of its table
  std::string name;                // kColumn, kAlias; kError: the message
  types::Value value;              // kLiteral, kConstant
  std::vector<std::string> parts;  // kRaw: the text around the holes
};

enum class NullOrder : std::uint8_t { kFirst, kLast };

// One ORDER BY key. NULLs are the largest values unless said otherwise, as in PostgreSQL; the SQL
// always says where they go.
struct Ordering {
  Expr expr;
  bool descending = false;
  NullOrder nulls = NullOrder::kLast;
};

// A comparison with a NULL literal becomes IS [NOT] NULL.
[[nodiscard]] Expr operator==(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator!=(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator<(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator<=(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator>(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator>=(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator+(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator-(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator*(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator/(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator%(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator-(const Expr& operand);
[[nodiscard]] Expr operator&&(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator||(const Expr& left, const Expr& right);
[[nodiscard]] Expr operator!(const Expr& operand);

[[nodiscard]] Expr CountAll();

}  // namespace molt::query
