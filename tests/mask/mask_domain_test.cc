#include "coe/mask/keep_mask.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

using testing::value_of;

std::string domain_of(const std::string& pass) {
  auto mask = value_of(KeepMask::create(4, {{LayerId{0}, {ExpertId{1}}}}));
  if (!pass.empty()) mask.passes = {{R"({"pass":"exempt","experts":[]})"}, {pass}};
  return mask_domain(mask);
}

TEST(MaskDomain, NamesTheSubDomainsOfPass1) {
  EXPECT_EQ(domain_of(R"({"pass":"domain","score":"util","profiles":[{"domains":["web"]}]})"),
            "web");
  EXPECT_EQ(
      domain_of(R"({"pass":"domain","profiles":[{"domains":["css"]},{"domains":["js","css"]}]})"),
      "css+js");
  EXPECT_EQ(domain_of(R"({"pass":"domain","profiles":[{"domains":["a","b","c","d","e"]}]})"),
            "a+b+c+2");
}

TEST(MaskDomain, TakesTheRolesOfAChatAsOne) {
  EXPECT_EQ(domain_of(R"({"pass":"domain","profiles":[{"domains":["web/answer","web/prompt"]}]})"),
            "web");
}

TEST(MaskDomain, TakesTheSubDomainsThatCount_WhereWeightsAreGiven) {
  EXPECT_EQ(domain_of(R"({"pass":"domain","blend":{"css":0,"web":1},)"
                      R"("profiles":[{"domains":["css","prose","web"]}]})"),
            "web");
}

TEST(MaskDomain, IsEmpty_WhereTheMaskDoesNotSay) {
  EXPECT_EQ(domain_of(""), "");
  EXPECT_EQ(domain_of(R"({"pass":"domain"})"), "");
  EXPECT_EQ(domain_of(R"({"pass":"domain","profiles":[7,{"domains":"web"},{"domains":[1]}]})"), "");
  EXPECT_EQ(domain_of(R"({"pass":"domain","score":"random","profiles":[{"domains":["web"]}]})"),
            "");
  EXPECT_EQ(domain_of(R"({"pass":"another"})"), "");
}

}  // namespace
}  // namespace coe
