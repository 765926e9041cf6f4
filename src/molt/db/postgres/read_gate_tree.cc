#include "molt/db/postgres/read_gate_tree.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include "molt/db/postgres/read_gate_functions.h"
#include "molt/db/postgres/read_gate_words.h"

namespace molt::db::postgres {

namespace {

// The nodes that a read may consist of, sorted. Anything else, what later parsers may add included,
// makes it none.
constexpr std::string_view kReadNodes[] = {"A_ArrayExpr",
                                           "A_Const",
                                           "A_Expr",
                                           "A_Indices",
                                           "A_Indirection",
                                           "A_Star",
                                           "Alias",
                                           "BitString",
                                           "BoolExpr",
                                           "Boolean",
                                           "BooleanTest",
                                           "CTECycleClause",
                                           "CTESearchClause",
                                           "CaseExpr",
                                           "CaseWhen",
                                           "CoalesceExpr",
                                           "CollateClause",
                                           "ColumnDef",
                                           "ColumnRef",
                                           "CommonTableExpr",
                                           "DefElem",
                                           "ExplainStmt",
                                           "Float",
                                           "FuncCall",
                                           "GroupingFunc",
                                           "GroupingSet",
                                           "Integer",
                                           "JoinExpr",
                                           "List",
                                           "MinMaxExpr",
                                           "NamedArgExpr",
                                           "NullTest",
                                           "ParamRef",
                                           "RangeFunction",
                                           "RangeSubselect",
                                           "RangeTableFunc",
                                           "RangeTableFuncCol",
                                           "RangeTableSample",
                                           "RangeVar",
                                           "ResTarget",
                                           "RowExpr",
                                           "SQLValueFunction",
                                           "SelectStmt",
                                           "SetToDefault",
                                           "SortBy",
                                           "String",
                                           "SubLink",
                                           "TypeCast",
                                           "TypeName",
                                           "VariableShowStmt",
                                           "WindowDef",
                                           "WithClause",
                                           "XmlExpr",
                                           "XmlSerialize"};
static_assert(std::is_sorted(std::begin(kReadNodes), std::end(kReadNodes)));

bool IsReadNode(std::string_view name) {
  return std::binary_search(std::begin(kReadNodes), std::end(kReadNodes), name);
}

// What an array or object of the document is to us.
enum class Place : std::uint8_t {
  kOther,
  kCalled,      // the name of a function that is called, part by part
  kColumn,      // a column's name, part by part
  kField,       // .name behind an expression
  kStatements,  // one item a statement
  kRoot,        // the first statement's own object
};

// Follows the document as rapidjson reads it, event by event, so that its depth costs a byte a
// level and no stack. A node is an object of one member, named as no member of a node is: with a
// capital.
class Walker {
 public:
  TreeFacts TakeFacts() { return std::move(facts_); }

  bool Null() { return Scalar(); }
  bool Bool(bool) {
    if (At(Place::kRoot) && key_ == "is_program") facts_.on_server = true;
    return Scalar();
  }
  bool Int(int) { return Scalar(); }
  bool Uint(unsigned) { return Scalar(); }
  bool Int64(std::int64_t) { return Scalar(); }
  bool Uint64(std::uint64_t) { return Scalar(); }
  bool Double(double) { return Scalar(); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return Scalar(); }

  bool String(const char* text, rapidjson::SizeType size, bool) {
    const std::string_view value(text, size);
    if (key_ == "sval") {
      OnNamePart(value);
    } else if (key_ == "strength") {
      if (facts_.refusal == LockRefusal("")) facts_.refusal = LockRefusal(value);
    } else if (At(Place::kRoot)) {
      if (key_ == "kind") facts_.kind = value;
      if (key_ == "name") facts_.name = value;
      if (key_ == "filename") facts_.on_server = true;
    }
    return Scalar();
  }

  bool Key(const char* text, rapidjson::SizeType size, bool) {
    key_.assign(text, size);
    if (key_[0] >= 'A' && key_[0] <= 'Z') {
      OnNode();
    } else if (key_ == "intoClause") {
      Refuse(WriteRefusal("SELECT INTO"));
    }
    return true;
  }

  bool StartObject() {
    if (At(Place::kStatements)) ++facts_.statements;
    Place place = Place::kOther;
    if (at_root_) {
      place = Place::kRoot;
      at_root_ = false;
    } else if (IsName() && (key_.empty() || key_ == "String")) {
      place = places_.back();  // an item of the name, and the node in it
    }
    places_.push_back(place);
    key_.clear();
    return true;
  }
  bool EndObject(rapidjson::SizeType) { return End(); }

  bool StartArray() {
    Place place = Place::kOther;
    if (places_.size() == 1 && key_ == "stmts") {
      place = Place::kStatements;
    } else if (key_ == "funcname") {
      place = Place::kCalled;
    } else if (key_ == "fields") {
      place = Place::kColumn;
    } else if (key_ == "indirection") {
      place = Place::kField;
    }
    if (place != Place::kOther) parts_ = 0;
    places_.push_back(place);
    key_.clear();
    return true;
  }
  bool EndArray(rapidjson::SizeType) {
    const bool is_call = At(Place::kCalled) && parts_ > 0;
    const bool is_qualified = At(Place::kColumn) && parts_ > 1;
    if (is_call) CheckFunction(Written::kAsCall);
    if (is_qualified) CheckFunction(Written::kAsColumn);
    return End();
  }

 private:
  [[nodiscard]] bool At(Place place) const { return !places_.empty() && places_.back() == place; }
  [[nodiscard]] bool IsName() const {
    return At(Place::kCalled) || At(Place::kColumn) || At(Place::kField);
  }
  bool Scalar() {
    key_.clear();
    return true;
  }
  bool End() {
    places_.pop_back();
    key_.clear();
    return true;
  }

  void OnNode() {
    // {"stmts": [{"stmt": {"SelectStmt": …
    if (places_.size() == 4 && facts_.root.empty()) {
      facts_.root = key_;
      at_root_ = true;
    }
    if (!IsReadNode(key_)) Refuse(NodeRefusal(key_));
  }

  void OnNamePart(std::string_view part) {
    if (!IsName()) return;
    ++parts_;
    last_part_ = part;
    if (At(Place::kField)) CheckFunction(Written::kAsColumn);
  }

  void CheckFunction(Written written) {
    const std::string_view why = WhyRefused(last_part_, written);
    if (!why.empty()) Refuse(FunctionRefusal(last_part_, why));
  }

  void Refuse(std::string why) {
    if (facts_.refusal.empty()) facts_.refusal = std::move(why);
  }

  TreeFacts facts_;
  std::vector<Place> places_;  // of the arrays and objects around
  std::string key_;            // of the value that comes next, in an object
  bool at_root_ = false;       // whether that value is the first statement
  std::size_t parts_ = 0;      // of the name that is being read
  std::string last_part_;
};

}  // namespace

std::optional<TreeFacts> ReadTree(std::string_view json) {
  Walker walker;
  rapidjson::MemoryStream stream(json.data(), json.size());
  rapidjson::Reader reader;
  const auto read = reader.Parse<rapidjson::kParseIterativeFlag>(stream, walker);
  if (read.IsError()) return std::nullopt;
  return walker.TakeFacts();
}

}  // namespace molt::db::postgres
