// The types of the parameters, in one place.

@export()
type Tags = { *: string }

@export()
@description('App settings by name: every value is a text.')
type AppSettings = { *: string }

@export()
@description('A further Stripe account. Its key and webhook secrets are in the vault, as stripe-ALIAS-api-key and stripe-ALIAS-webhook-secrets.')
type StripeAccount = {
  alias: string
  @description('those that it settles in; no other account settles in them')
  currencies: string[]
  @description('acct_...: then readiness compares it with the key')
  account: string?
}

@export()
@description('The settings of the application that are no secrets. docs/deploy.md explains each.')
type Configuration = {
  @description('true for live payments; the key in the vault has to be of the same mode')
  stripeLivemode: bool
  @description('acct_... of the default account: then readiness compares it with the key')
  stripeAccountId: string?
  stripeAccounts: StripeAccount[]?
  @description('https://contoso.operations.dynamics.com')
  dynamicsUrl: string
  @description('how the application signs in to Dynamics; a client secret is the second choice')
  dynamicsSignIn: 'managedIdentity' | 'clientSecret'
  @description('of the Entra application, with a client secret only')
  dynamicsClientId: string?
  dynamicsDimensionDelimiter: string?
  @description('JSON, see README.md')
  books: string
  @description('JSON, see README.md')
  ledgerEntity: string?
  customerIdProperty: string
  @description('by which ways events of Stripe come; webhook where it is not given')
  ingress: string?
  limits: Limits
}

@export()
@description('What has a default in shared/settings.py. What is not given stays at that default.')
type Limits = {
  customerIdCharsMax: int?
  timeZone: string?
  partitions: int?
  ledgerPartitions: int?
  signatureToleranceSeconds: int?
  writeSettleSeconds: int?
  leaseSeconds: int?
  batchSecondsMax: int?
  gatherSeconds: int?
  attemptsMax: int?
  retryBaseSeconds: int?
  retryCapSeconds: int?
  journalLinesMax: int?
  journalHoursMax: int?
  sweepOverlapHours: int?
  sweepFirstDays: int?
  stripeRequestsPerSecond: int?
  retentionDays: int?
  publishTwoPersons: bool?
}

@export()
@description('The Entra application whose app roles (infra/app-roles.json) people get.')
type Authentication = {
  clientId: string
  tenantId: string
}

@export()
@description('A partner topic of Stripe, and the principal id of its system-assigned identity.')
type EventGrid = {
  @description('of the Stripe account whose topic it is; the default account where it is not given')
  alias: string?
  partnerTopicName: string
  partnerTopicPrincipalId: string
}

@export()
type Scaling = {
  @description('Azure takes no maximum below 40; TIEOUT_PARTITIONS is what protects Dynamics')
  maximumInstanceCount: int
  instanceMemoryMB: 512 | 2048 | 4096
  @description('instances that are always warm for the webhook; each costs money')
  alwaysReadyHttp: int
}

@export()
@description('Who is told, and from which value on.')
type Alerting = {
  emails: string[]
  @description('where docs/operations.md is read by those who are told')
  runbook: string
  @description('amount at stake in the inbox, in minor units, of any one currency')
  parkedAmountMinorMax: int
  @description('age of the oldest journal line that is not posted')
  unpostedHoursMax: int
  @description('age of the oldest paid payout without a tie-out')
  payoutOpenHoursMax: int
}

@export()
@description('Where private endpoints go. Empty strings without private networking.')
type Network = {
  integrationSubnetId: string
  endpointSubnetId: string
  zones: { blob: string, queue: string, table: string, vault: string, serviceBus: string }
}
