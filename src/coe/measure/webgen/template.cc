#include "coe/measure/webgen/template.h"

#include "coe/base/json.h"
#include "coe/base/markup.h"
#include "coe/base/result.h"

#include <cstddef>
#include <ranges>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::json;

class Filler {
 public:
  Filler(std::string_view page, const Json& data) : page_(page), around_({&data}) {}

  // Up to the end of `section`, or of the page.
  void fill(std::string_view section, bool shown) {
    while (true) {
      const auto open = page_.find("{{", at_);
      if (shown) out_ += page_.substr(at_, open - at_);
      if (open == std::string_view::npos) {
        COE_CHECK(section.empty());
        return;
      }
      const auto close = page_.find("}}", open);
      COE_CHECK(close != std::string_view::npos);
      const auto tag = page_.substr(open + 2, close - open - 2);
      at_ = close + 2;
      if (tag.starts_with('/')) {
        COE_CHECK(tag.substr(1) == section);
        return;
      }
      if (tag.starts_with('#'))
        fill_each(tag.substr(1), shown);
      else if (shown)
        out_ += escaped_markup(text_of(named(tag)));
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void fill_each(std::string_view name, bool shown) {
    std::vector<const Json*> elements;
    if (shown) {
      const auto& value = named(name);
      if (value.is_array())
        for (const auto& element : value) elements.push_back(&element);
      else if (!value.is_null())
        elements.push_back(&value);
    }
    if (elements.empty()) return fill(name, false);
    const auto start = at_;
    for (const auto* element : elements) {
      at_ = start;
      around_.push_back(element);
      fill(name, true);
      around_.pop_back();
    }
  }

  const Json& named(std::string_view name) const {
    if (name == ".") return *around_.back();
    const Json* value = nullptr;
    for (const auto* object : std::views::reverse(around_)) {
      const auto found = object->find(name);
      if (found == object->end()) continue;
      value = &*found;
      break;
    }
    COE_CHECK(value != nullptr);
    return *value;
  }

  static std::string text_of(const Json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
  }

  std::string_view page_;
  std::size_t at_ = 0;
  std::vector<const Json*> around_;  // the innermost last
  std::string out_;
};

}  // namespace

std::string filled_template(std::string_view page, const Json& data) {
  Filler filler(page, data);
  filler.fill({}, true);
  return filler.take();
}

}  // namespace coe
