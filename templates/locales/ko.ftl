# 한국어. 영어 파일에 있는 키와 인자가 모두 그대로 있어야 하며, 테스트가 이를 비교한다.

## 모든 페이지의 바깥 부분
layout-skip = 본문으로 건너뛰기
layout-language = 언어
layout-account = 내 계정:
layout-new-tab = (새 탭에서 열림)
reveal-show = 보기
reveal-hide = 숨기기
reference-label = 참조 번호

## 입력란
field-login = 사용자 이름 또는 이메일 주소
field-username = 사용자 이름
field-email = 이메일 주소
field-password = 비밀번호
field-password-confirmation = 비밀번호 확인
field-current-password = 현재 비밀번호
field-new-password = 새 비밀번호
field-new-password-confirmation = 새 비밀번호 확인
field-name = 이름
field-given-name = 이름(성 제외)
field-family-name = 성
field-nickname = 별명
field-locale = 언어
form-correct = 다음 항목을 확인해 주세요.

## 시작
start-title = 여러 앱을 하나의 계정으로
start-lead = 앱에서 로그인할 때 이곳으로 오게 됩니다. 비밀번호는 이곳에만 남고, 앱은 동의하신 정보만 받습니다.
start-signed-in = 로그인한 계정
start-login = 로그인
start-signup = 계정 만들기
start-account = 내 계정
start-logout = 로그아웃
start-demo-title = 개발자용
start-demo-lead = 작은 단일 페이지 앱이 이 서버를 상대로 PKCE 인가 코드 흐름을 실행하고, 오간 메시지와 해독한 토큰을 모두 보여 줍니다.
start-demo = PKCE 로그인 해 보기

## 로그인
login-title = 로그인
login-app = 로그인 후 이동할 앱
login-submit = 로그인
login-cancel = 취소하고 앱으로 돌아가기
login-no-account = 아직 계정이 없으신가요?
login-signup = 계정 만들기
login-wrong = 사용자 이름 또는 비밀번호가 올바르지 않습니다. 확인한 뒤 다시 시도해 주세요.
login-throttled =
    { $seconds ->
       *[other] 시도 횟수가 너무 많습니다. { $seconds }초 뒤에 다시 시도해 주세요.
    }
login-again = 본인 확인을 위해 앱에서 다시 로그인하도록 요청했습니다.
login-busy = 지금 로그인 요청이 많습니다. 잠시 후 다시 시도해 주세요.

## 가입
signup-title = 계정 만들기
signup-submit = 계정 만들기
signup-have-account = 이미 계정이 있으신가요?
signup-login = 로그인
signup-username-hint = 글자와 숫자로 64자까지. 사이에 마침표, 하이픈, 밑줄을 쓸 수 있습니다.
signup-username-rule = 사용할 수 없는 사용자 이름입니다. 글자와 숫자로 64자까지 쓰고, 마침표, 하이픈, 밑줄은 사이에만 써 주세요.
signup-username-taken = 이미 사용 중인 사용자 이름입니다. 다른 이름을 입력해 주세요.
signup-email-rule = 이메일 주소를 끝까지 입력해 주세요. 예: name@example.com
signup-taken = 이 사용자 이름 또는 이메일 주소는 사용할 수 없습니다. 다른 사용자 이름을 고르거나, 본인 계정이라면 로그인해 주세요.

## 비밀번호
password-hint = 8~256자. 서로 관련 없는 단어 몇 개를 이으면 기억하기 쉽고 추측하기 어렵습니다.
password-rule = 비밀번호는 8~256자여야 합니다.
password-common = 공격자가 가장 먼저 시도하는 비밀번호 중 하나입니다. 다른 비밀번호를 입력해 주세요.
password-mismatch = 두 비밀번호가 서로 다릅니다. 새 비밀번호를 두 번 똑같이 입력해 주세요.
password-like-name = 비밀번호가 사용자 이름이나 이메일 주소와 너무 비슷합니다. 다른 비밀번호를 입력해 주세요.
password-wrong-current = 현재 비밀번호가 아닙니다.
password-title = 비밀번호 변경
password-lead = 변경해도 이 기기에서는 로그인이 유지됩니다. 다른 기기와 앱에서는 다시 로그인해야 합니다.
password-submit = 비밀번호 변경
password-back = 변경하지 않기

## 동의
consent-title = 접근 허용
consent-wants = { $client } 앱이 회원님의 계정에 접근하려고 합니다
consent-unnamed = 이름을 알 수 없는
consent-account = 로그인한 계정
consent-switch = 다른 계정 사용
consent-scopes = 허용하면 이 앱은 다음을 할 수 있습니다
consent-new = 새 항목
consent-unverified = 이 앱은 기기에서 실행되므로 어떤 앱인지 확인할 수 없습니다. 방금 직접 로그인을 시작한 경우에만 허용해 주세요.
consent-self-registered = 이 앱은 스스로 등록했습니다. 이름과 그림, 만든 사람을 아무도 확인하지 않았습니다.
consent-goes = 응답을 받는 곳
consent-allow = 허용
consent-deny = 거부
consent-about = 앱 소개
consent-policy = 개인정보 처리방침
consent-terms = 이용약관

## 표준 범위
scope-openid = 로그인한 사람이 회원님임을 확인
scope-profile = 프로필 보기: 이름, 사용자 이름, 언어
scope-email = 이메일 주소 보기
scope-address = 우편 주소 보기
scope-phone = 전화번호 보기
scope-offline_access = 앱을 사용하지 않는 동안에도 접근 유지
scope-other = “{ $name }” 권한 사용

## 시각
when-now = 방금
when-minutes = { $count }분 전
when-hours = { $count }시간 전
when-days =
    { $count ->
        [1] 어제
       *[other] { $count }일 전
    }
when-date = { $year }년 { $month }월 { $day }일

## 긴 목록
pages-label = 페이지
pages-previous = 이전
pages-next = 다음
pages-where = { $count }쪽 중 { $number }쪽

## 계정
account-title = 내 계정
account-changed = 비밀번호를 변경했습니다. 다른 기기와 앱에서는 다시 로그인해야 합니다.
account-password = 비밀번호 변경
account-logout = 로그아웃
account-profile-lead = 이름과 언어
account-profile = 프로필 변경
account-email-unverified = 확인되지 않음
account-email = 이메일 주소 변경
account-sessions-count = 브라우저 { $count }개
account-sessions = 기기 보기
account-apps-count =
    { $count ->
        [0] 없음
       *[other] 앱 { $count }개
    }
account-apps = 앱 보기
account-admin-lead = 관리자용
account-admin = 관리

## 프로필
profile-title = 프로필
profile-lead = 프로필 보기를 허용한 앱에 표시되는 정보입니다. 모두 비워 두셔도 됩니다.
profile-username-fixed = 사용자 이름은 변경할 수 없습니다.
profile-locale-hint = 앱에서 사용할 언어입니다.
profile-locale-unset = 정하지 않음
profile-submit = 저장
profile-back = 변경하지 않기
profile-saved = 프로필을 저장했습니다.
profile-name-rule = 줄바꿈이나 보이지 않는 기호 없이 128자까지 입력해 주세요.
profile-locale-rule = 목록에서 언어를 골라 주세요.

## 이메일 주소
email-title = 이메일 주소 변경
email-lead = 로그인할 때 쓰고, 안내를 받는 주소입니다.
email-password-hint = 열어 둔 브라우저에서 다른 사람이 변경하지 못하도록 확인합니다.
email-submit = 이메일 주소 변경
email-back = 변경하지 않기
email-saved = 이메일 주소를 변경했습니다.
email-taken = 사용할 수 없는 이메일 주소입니다. 다른 주소를 입력해 주세요.

## 로그인한 기기
sessions-title = 로그인한 기기
sessions-lead = 회원님의 계정으로 로그인한 브라우저입니다. 모르는 기기가 있으면 로그아웃하고 비밀번호를 변경해 주세요.
sessions-this = 현재 기기
sessions-seen = 마지막 사용
sessions-since = 로그인
sessions-network = 네트워크
sessions-end = 로그아웃하기
sessions-end-others = 다른 기기 모두 로그아웃
sessions-none-else = 다른 곳에서는 로그인하지 않았습니다.
sessions-ended-one = 로그아웃했습니다. 그 기기에서는 다시 로그인해야 합니다.
sessions-ended-all = 다른 기기를 모두 로그아웃했습니다.
sessions-gone = 이미 로그아웃한 기기입니다.
device-both = { $system }의 { $browser }
device-system = { $system }의 브라우저
device-unknown = 알 수 없는 브라우저
end-session-title = 이 기기를 로그아웃할까요?
end-session-lead = 그 브라우저는 바로 로그아웃됩니다. 거기에서 접근을 허용한 앱도 다시 허용을 받아야 합니다.
end-session-apps = 접근이 끊기는 앱
end-session-password = 다른 사람이 비밀번호를 알 수도 있다면:
end-session-submit = 로그아웃하기
end-session-back = 그대로 두기
end-others-title = 다른 기기를 모두 로그아웃할까요?
end-others-lead =
    { $count ->
        [0] 다른 곳에서는 로그인하지 않았습니다.
       *[other] 다른 브라우저 { $count }개가 바로 로그아웃됩니다. 거기에서 접근을 허용한 앱도 다시 허용을 받아야 합니다.
    }
end-others-submit = 모두 로그아웃

## 접근을 허용한 앱
apps-title = 접근을 허용한 앱
apps-lead = 회원님의 계정을 쓰도록 허용한 앱입니다. 더 이상 쓰지 않는 앱은 접근을 끊어 주세요.
apps-none = 계정에 접근할 수 있는 앱이 없습니다.
apps-may = 이 앱이 할 수 있는 일
apps-used = 마지막 사용
apps-since = 시작
apps-open = 열기
apps-revoke = 접근 끊기
apps-revoked = 앱의 접근을 끊었습니다.
apps-gone = 이미 접근이 끊긴 앱입니다.
revoke-app-title = 접근을 끊을까요?
revoke-app-lead = { $client } 앱은 모든 기기에서 바로 접근할 수 없게 됩니다. 다음에 이 앱에서 로그인하면 다시 허용할 수 있습니다. 이미 읽어 간 정보는 그 앱에 남습니다.
revoke-app-submit = 접근 끊기
revoke-app-back = 그대로 두기

## 관리
admin-title = 관리
admin-more = 그 밖의 일은 아직 명령줄에서 합니다: authward --help

## 사용량
usage-title = 사용량
usage-lead = 어떤 앱이 어떤 API를 얼마나 자주 호출하고 결과가 어떤지 보여 줍니다.
usage-range = 기간
usage-range-24h = 24시간
usage-range-7d = 7일
usage-range-30d = 30일
usage-range-90d = 90일
usage-range-wrong = 표시할 수 없는 기간입니다. 미래가 아닌 날로, 1년 이내의 첫날과 마지막 날을 골라 주세요.
usage-from = 시작일
usage-to = 종료일
usage-show = 보기
usage-only = 조건
usage-let-go = 해제
usage-when = { $since } ~ { $until } UTC, { $before }부터 같은 길이의 기간과 비교
usage-requests = 요청
usage-failed = 실패
usage-failed-count = 요청 { $count }건
usage-p95 = 100건 중 95건의 응답 시간
usage-mean = 평균 { $time } ms
usage-before = 이전 { $count }건
usage-new = 새로 생김
usage-by = 묶는 기준
usage-by-client = 앱
usage-by-api = API
usage-by-client-api = 앱과 API
usage-by-endpoint = 엔드포인트
usage-by-grant = 승인 방식
usage-by-outcome = 결과
usage-by-source = 집계한 곳
usage-source-server = 이 서버
usage-source-resource = API 자체
usage-unknown = 앱 없음 또는 알 수 없음
usage-other = 구분하지 않음
usage-others = 나머지
usage-no-api = API 없음
usage-no-grant = 승인 없음
usage-nothing = 이 기간에 집계한 요청이 없습니다.
usage-over-time-hour = 시간별 요청
usage-over-time-day = 날짜별 요청
usage-plot-label = 시간에 따른 요청 수를 나타낸 막대그래프. 같은 수치가 아래 표에 있습니다.
usage-numbers = 수치
usage-time = 시각(UTC)
usage-who = 합계
usage-share = 가장 큰 값과 비교
usage-before-head = 이전
usage-change = 변화
usage-mean-head = 평균, ms
usage-p95-head = 95%, ms
usage-truncated = 가장 많은 { $most }개만 표시합니다. 파일에는 모두 들어 있습니다.
usage-csv-table = 표를 파일로 받기(CSV)
usage-csv-series = 시간별 수치를 파일로 받기(CSV)
usage-note = API 자체의 호출은 그 API가 보고한 만큼 집계합니다. 서버는 몇 초마다 집계한 수를 더합니다.

## 로그아웃
logout-title = 로그아웃할까요?
logout-asked = { $client } 앱이 로그아웃을 요청했습니다.
logout-lead = 이 기기에서 로그아웃합니다. 다음에 앱에서 로그인이 필요하면 비밀번호를 다시 입력하게 됩니다.
logout-account = 로그인한 계정
logout-submit = 로그아웃
logout-stay = 로그인 유지
logged-out-title = 로그아웃했습니다
logged-out-lead = 이제 이 기기에 로그인한 사람이 없습니다. 이 페이지를 닫으셔도 됩니다.
logging-out-lead = 다른 앱에도 로그아웃을 알리고 있습니다.
logging-out-next = 계속
logged-out-login = 다시 로그인

## 폼으로 보내는 응답
form-post-title = 앱으로 돌아가는 중
form-post-lead = { $client } 앱으로 돌아가는 중입니다. 화면이 바뀌지 않으면 버튼을 눌러 주세요.
form-post-lead-unnamed = 앱으로 돌아가는 중입니다. 화면이 바뀌지 않으면 버튼을 눌러 주세요.
form-post-submit = 계속

## 오류: 경우마다 제목과 설명
error-status = 오류 { $status }
error-reference = 앱을 만든 곳에 문의할 때 이 참조 번호를 알려 주세요. 정확한 원인을 찾을 수 있습니다.
error-back = 돌아가기
error-title = 처리하지 못했습니다
error-request-title = 앱의 요청을 처리할 수 없습니다
error-request = 요청에 빠지거나 잘못된 부분이 있습니다. 직접 해결하실 수는 없으며, 앱 개발자가 고쳐야 합니다.
error-client-title = 등록되지 않은 앱입니다
error-client = 이 페이지로 안내한 앱은 등록되어 있지 않거나 사용이 중지되었습니다. 앱에 전달된 정보는 없습니다.
error-redirect-uri-title = 앱으로 돌아갈 수 없습니다
error-redirect-uri = 앱이 응답을 받으려는 주소가 등록된 주소와 다릅니다. 계정을 보호하기 위해 여기서 멈추었으며, 전달된 정보는 없습니다.
error-expired-title = 이미 끝난 로그인입니다
error-expired = 시간이 너무 오래 지났거나 다른 창에서 이미 완료되었습니다. 앱으로 돌아가 다시 시작해 주세요.
error-csrf-title = 오래된 화면입니다
error-csrf = 한참 전에 열었거나 다른 로그인 상태에서 연 화면입니다. 이전 화면으로 돌아가 새로 고친 뒤 다시 시도해 주세요.
error-not-found-title = 페이지를 찾을 수 없습니다
error-not-found = 주소를 잘못 입력했거나 페이지가 없어졌을 수 있습니다.
error-method-title = 이 방법으로는 열 수 없습니다
error-method = 이전 화면으로 돌아가 페이지의 링크와 버튼을 이용해 주세요.
error-too-large-title = 보낸 내용이 너무 큽니다
error-too-large = 받을 수 있는 크기를 넘었습니다.
error-busy-title = 잠시 후 다시 시도해 주세요
error-busy = 지금은 응답할 수 없습니다. 사라진 것은 없으니, 조금 기다렸다가 페이지를 새로 고쳐 주세요.
error-throttled-title = 시도 횟수가 너무 많습니다
error-throttled = 잠시 기다렸다가 다시 시도해 주세요.
error-denied-title = 접근할 수 없습니다
error-denied = 이 계정에는 접근 권한이 없습니다.

## JSON 엔드포인트 설명
api-title = 이 서버의 API
api-lead = JSON 엔드포인트입니다. 앱을 위한 OAuth 2와 OpenID Connect, 그리고 운영자와 운영 프로그램을 위한 관리 API가 있습니다.
api-token = 관리 API에는 리소스 { $resource }의 액세스 토큰이 필요합니다. 조회에는 admin:read, 변경에는 admin:write 범위가 있어야 하며, 그 범위로 등록된 클라이언트(client_credentials)나 admin 역할이 있는 사용자의 토큰이어야 합니다.
api-document = 프로그램용 OpenAPI 3.1 문서
api-scope = 범위
api-required = 필수
api-parameters = 매개변수
api-body = 본문
api-answers = 응답
api-schemas = 객체
api-refusals = 거부
