namespace Danube.Dapr.Contracts;

/// <summary>The names under which the services meet on Dapr. The component files, <c>dapr.yaml</c>, <c>tye.yaml</c> and the Kubernetes manifests use the same ones; a test compares them.</summary>
public static class DaprNames
{
    /// <summary>The state store component: actors, reminders, workflows and history live in it.</summary>
    public const string StateStore = "statestore";

    /// <summary>A key that nobody writes: reading it shows whether the store answers.</summary>
    public const string StoreProbeKey = "store-probe";

    /// <summary>The pub/sub component.</summary>
    public const string PubSub = "pubsub";

    /// <summary>The one cluster that a deployment looks after: the id of its <c>ClusterActor</c> and <c>ControlLoopActor</c>.</summary>
    public const string ClusterActorId = "cluster";

    /// <summary>App-ids: also the folder names under <c>services/</c> and the Kubernetes names.</summary>
    public static class Apps
    {
        /// <summary>Measures brokers and topics.</summary>
        public const string MetricsCollector = "metrics-collector";

        /// <summary>Holds the cluster view, scores and ranks.</summary>
        public const string Ranking = "ranking";

        /// <summary>Decides, plans and moves.</summary>
        public const string Rebalancer = "rebalancer";

        /// <summary>Keeps what happened.</summary>
        public const string History = "history";

        /// <summary>The web page for operators.</summary>
        public const string Console = "console";

        /// <summary>All of them, in the order in which they are started.</summary>
        public static IReadOnlyList<string> All { get; } = [History, Ranking, Rebalancer, MetricsCollector, Console];
    }

    /// <summary>Pub/sub topics.</summary>
    public static class Topics
    {
        /// <summary><see cref="LoadReportMessage"/>: one broker's load over one interval. Collector to ranking.</summary>
        public const string LoadReports = "load-reports";

        /// <summary><see cref="ClusterReport"/>: who is there, who leads, what nobody owns. Collector to ranking.</summary>
        public const string ClusterReports = "cluster-reports";

        /// <summary><see cref="BrokerEvent"/>: a broker or topic changed its state. Ranking to history and rebalancer.</summary>
        public const string BrokerEvents = "broker-events";

        /// <summary><see cref="CycleRecord"/>: one decision of the control loop. Rebalancer to history.</summary>
        public const string Cycles = "cycles";

        /// <summary><see cref="RebalancePlan"/>: a plan was made. Rebalancer to history.</summary>
        public const string Plans = "plans";

        /// <summary><see cref="MoveRecord"/>: a move reached a new step. Rebalancer to history.</summary>
        public const string Moves = "moves";

        /// <summary>All of them.</summary>
        public static IReadOnlyList<string> All { get; } = [LoadReports, ClusterReports, BrokerEvents, Cycles, Plans, Moves];

        /// <summary>The topic that takes what the subscribers of <paramref name="topic"/> failed to handle.</summary>
        public static string DeadLetter(string topic) => topic + "-dead-letter";
    }

    /// <summary>Dapr actor types.</summary>
    public static class Actors
    {
        /// <summary>In ranking: the one cluster view.</summary>
        public const string Cluster = "ClusterActor";

        /// <summary>In history: the one writer of the record.</summary>
        public const string History = "HistoryActor";

        /// <summary>In rebalancer: the control loop.</summary>
        public const string ControlLoop = "ControlLoopActor";

        /// <summary>In rebalancer: one per topic, the gate in front of every move.</summary>
        public const string Topic = "TopicActor";

        /// <summary>In rebalancer: one per plan, what became of it.</summary>
        public const string Plan = "PlanActor";

        /// <summary>In rebalancer: the one mask window.</summary>
        public const string Mask = "MaskActor";
    }
}
