import org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner;
import static org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner.newConfigs;

/** One embedded Elasticsearch node on the loopback: java -cp ... Main DATA_DIR HTTP_PORT TRANSPORT_PORT */
public class Main {
  public static void main(String[] a) throws Exception {
    final String dir = a[0], transport = a[2];
    final int port = Integer.parseInt(a[1]);
    ElasticsearchClusterRunner runner = new ElasticsearchClusterRunner();
    runner.setMaxHttpPort(-1); // any port will do
    runner.onBuild((number, settings) -> {
      settings.put("network.host", "127.0.0.1");
      settings.put("http.port", String.valueOf(port));
      settings.put("transport.port", transport);
      settings.put("discovery.type", "single-node");
      settings.put("action.auto_create_index", "true");
      settings.put("cluster.routing.allocation.disk.threshold_enabled", "false");
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        runner.close();
      } catch (Exception e) {
        System.err.println(e);
      }
    }));
    runner.build(newConfigs().clusterName("oxpecker-test").numOfNode(1).basePath(dir).baseHttpPort(port - 1));
    runner.ensureYellow();
    System.out.println("READY");
    Thread.currentThread().join();
  }
}
